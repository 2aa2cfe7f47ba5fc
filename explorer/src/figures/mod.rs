//! Drawings inside pages: made of own shapes and whole numbers, the same each time.

pub mod map;
pub mod qr;
pub mod strip;

/// A number of hundredths as SVG takes it.
fn hundredths(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let value = value.unsigned_abs();
    match (value / 100, value % 100) {
        (whole, 0) => format!("{sign}{whole}"),
        (whole, part) => format!("{sign}{whole}.{part:02}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn hundredths_are_written_with_their_sign() {
        for (value, text) in [(0, "0"), (5, "0.05"), (-5, "-0.05"), (-250, "-2.50"), (300, "3")] {
            assert_eq!(super::hundredths(value), text);
        }
    }
}
