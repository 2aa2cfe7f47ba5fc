//! GS1 keys with right check digits, under GS1's prefix for examples (952).

/// The GS1 company prefix of every key made here: never given to a company.
pub const PREFIX: &str = "9521234";

/// `digits` followed by its GS1 check digit (modulo 10, weights 3 and 1 from the right).
#[must_use]
pub fn with_check_digit(digits: &str) -> String {
    let weighted = digits.bytes().rev().enumerate().map(|(index, byte)| {
        u32::from(byte.saturating_sub(b'0')) * if index % 2 == 0 { 3 } else { 1 }
    });
    let sum: u32 = weighted.sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// A trade item's GTIN-14.
#[must_use]
pub fn gtin(item: u32) -> String {
    with_check_digit(&format!("0{PREFIX}{:05}", item % 100_000))
}

/// One piece of a trade item, as a canonical Digital Link.
#[must_use]
pub fn sgtin(item: u32, serial: u64) -> String {
    format!("https://id.gs1.org/01/{}/21/{serial}", gtin(item))
}

/// A lot of a trade item, as a canonical Digital Link.
#[must_use]
pub fn lgtin(item: u32, lot: &str) -> String {
    format!("https://id.gs1.org/01/{}/10/{lot}", gtin(item))
}

/// A logistic unit, as a canonical Digital Link.
#[must_use]
pub fn sscc(serial: u64) -> String {
    let key = with_check_digit(&format!("0{PREFIX}{:09}", serial % 1_000_000_000));
    format!("https://id.gs1.org/00/{key}")
}

/// A place's Global Location Number.
#[must_use]
pub fn gln(place: u32) -> String {
    with_check_digit(&format!("{PREFIX}{:05}", place % 100_000))
}

/// A place, as a canonical Digital Link.
#[must_use]
pub fn place(place: u32) -> String {
    format!("https://id.gs1.org/414/{}", gln(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_those_of_gs1s_own_examples() {
        // GS1 General Specifications 7.9: GTIN-13 629104150021 → 3, SSCC 37610425002123456 → 9.
        assert_eq!(with_check_digit("629104150021"), "6291041500213");
        assert_eq!(with_check_digit("37610425002123456"), "376104250021234569");
        assert_eq!(gtin(1).len(), 14);
        assert_eq!(sscc(1).len(), "https://id.gs1.org/00/".len() + 18);
        assert_eq!(gln(1).len(), 13);
    }
}
