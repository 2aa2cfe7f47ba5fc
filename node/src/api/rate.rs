//! How many requests one address may make: a bucket of tokens for each address, refilled as time
//! passes.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::RETRY_AFTER;

use super::problem::{Kind, Problem};

/// Seconds over which requests are averaged: so many seconds' worth may come at once.
pub const BURST_SECONDS: u32 = 10;

/// Addresses that are remembered; beyond it those with a full bucket are forgotten.
const MAX_ADDRESSES: usize = 10_000;

/// Thousandths of a token, so that no fraction is lost.
const TOKEN: u64 = 1_000;

/// The buckets of all addresses.
#[derive(Clone)]
pub struct RateLimit {
    per_second: u32,
    buckets: Arc<Mutex<HashMap<IpAddr, Bucket>>>,
}

struct Bucket {
    left: u64,
    at: Instant,
}

impl RateLimit {
    /// Allows `per_second` requests a second, averaged over [`BURST_SECONDS`].
    #[must_use]
    pub fn new(per_second: u32) -> RateLimit {
        RateLimit { per_second, buckets: Arc::default() }
    }

    fn full(&self) -> u64 {
        u64::from(self.per_second) * u64::from(BURST_SECONDS) * TOKEN
    }

    /// Takes a token of `address` at the time `now`; `false` when it has none.
    fn take(&self, address: IpAddr, now: Instant) -> bool {
        let full = self.full();
        let refilled = |bucket: &Bucket| {
            let ms = now.saturating_duration_since(bucket.at).as_millis();
            let ms = u64::try_from(ms).unwrap_or(u64::MAX);
            // One request a second is a thousandth of a token a millisecond, times TOKEN is one.
            bucket.left.saturating_add(ms.saturating_mul(self.per_second.into())).min(full)
        };
        let mut buckets = self.buckets.lock().expect("no one panics while counting");
        if buckets.len() >= MAX_ADDRESSES && !buckets.contains_key(&address) {
            buckets.retain(|_, bucket| refilled(bucket) < full);
            if buckets.len() >= MAX_ADDRESSES {
                return false;
            }
        }
        let bucket = buckets.entry(address).or_insert(Bucket { left: full, at: now });
        let left = refilled(bucket);
        let taken = left >= TOKEN;
        *bucket = Bucket { left: if taken { left - TOKEN } else { left }, at: now };
        taken
    }
}

/// The layer that refuses what is too much with 429. Requests without an address (tests of single
/// handlers) pass.
pub async fn limit(State(rate): State<RateLimit>, request: Request, next: Next) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    match address {
        Some(address) if !rate.take(address, Instant::now()) => {
            let detail = format!(
                "more than {} requests a second came from this address, averaged over \
                 {BURST_SECONDS} seconds; wait a second",
                rate.per_second
            );
            Problem::new(Kind::TooMany, detail)
                .header(RETRY_AFTER, HeaderValue::from_static("1"))
                .into_response()
        }
        _ => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_address_gets_its_share_and_no_more() {
        let rate = RateLimit::new(2);
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let start = Instant::now();
        assert!((0..20).all(|_| rate.take(one, start)));
        assert!(!rate.take(one, start));
        assert!(rate.take(other, start), "others do not notice");
        assert!(!rate.take(one, start + Duration::from_millis(499)));
        assert!(rate.take(one, start + Duration::from_millis(500)));
        assert!(!rate.take(one, start + Duration::from_millis(500)));
    }

    #[test]
    fn memory_is_bounded() {
        let rate = RateLimit::new(1);
        let start = Instant::now();
        for n in 0..2 * u32::try_from(MAX_ADDRESSES).unwrap() {
            rate.take(IpAddr::from(n.to_be_bytes()), start);
        }
        assert_eq!(rate.buckets.lock().unwrap().len(), MAX_ADDRESSES);
        assert!(rate.take(IpAddr::from([255; 4]), start + Duration::from_secs(5)));
    }
}
