//! Sizes in bytes, written the way dib's block-device configs write them.
//!
//! In: text such as `550MiB`, `40G` or `1024`. Out: [`Bytes`]. Never: percentages, which need a disk to mean anything.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// A number of bytes. Displays in the largest binary unit that leaves no more than one decimal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Bytes(pub u64);

impl Bytes {
    /// `n` KiB.
    pub const fn kib(n: u64) -> Self {
        Bytes(n << 10)
    }
    /// `n` MiB.
    pub const fn mib(n: u64) -> Self {
        Bytes(n << 20)
    }
    /// `n` GiB.
    pub const fn gib(n: u64) -> Self {
        Bytes(n << 30)
    }
    /// A decimal number of units, such as `2.5` GiB, less what is left of a byte; `None` where the text is none, or past `u64::MAX`.
    pub fn of_units(text: &str, unit: Bytes) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(part) || (whole.is_empty() && part.is_empty()) {
            return None;
        }
        let zero_if_empty = |text: &str| if text.is_empty() { Ok(0) } else { text.parse::<u64>() };
        // No unit is so large that a later digit would be a byte.
        let part = &part[..part.len().min(18)];
        let whole = zero_if_empty(whole).ok()?.checked_mul(unit.0)?;
        let part =
            u128::from(zero_if_empty(part).ok()?) * u128::from(unit.0) / 10_u128.pow(part.len() as u32);
        whole.checked_add(u64::try_from(part).ok()?).map(Bytes)
    }
    /// The next multiple of `align` at or above this size; `None` past `u64::MAX`.
    pub fn round_up(self, align: u64) -> Option<Self> {
        self.0.checked_next_multiple_of(align).map(Bytes)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 4] =
            [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        for (unit, size) in UNITS {
            if self.0 >= size {
                let tenths = (u128::from(self.0) * 10 + u128::from(size) / 2) / u128::from(size);
                return match tenths % 10 {
                    0 => write!(f, "{} {unit}", tenths / 10),
                    d => write!(f, "{}.{d} {unit}", tenths / 10),
                };
            }
        }
        write!(f, "{} bytes", self.0)
    }
}

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a size: {why}; write a number and a unit, such as 550MiB, 4GiB or 40G")]
pub struct SizeError {
    text: String,
    why: &'static str,
}

/// Units of dib's `parse_abs_size_spec`: `KiB`.. are powers of 1024, `KB`.. and `K`.. are powers of 1000, `B` or
/// nothing is bytes. Case matters, as it does there.
const UNITS: [(&str, u64); 14] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("T", 1_000_000_000_000),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
    ("K", 1_000),
    ("B", 1),
    ("", 1),
];

impl FromStr for Bytes {
    type Err = SizeError;

    /// Unlike dib, an empty text and a unit without a number are errors, not one byte and one unit.
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let fail = |why| SizeError { text: text.to_string(), why };
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start_matches(' ');
        if !number.contains(|c: char| c.is_ascii_digit()) {
            return Err(fail("it has no number"));
        }
        if number.matches('.').count() > 1 {
            return Err(fail("the number has more than one point"));
        }
        let (_, factor) =
            UNITS.iter().find(|(u, _)| *u == unit).ok_or_else(|| fail("its unit is unknown"))?;
        Bytes::of_units(number, Bytes(*factor)).ok_or_else(|| fail("the number is too large"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_dib() {
        for (text, bytes) in [
            ("1", 1),
            ("7B", 7),
            ("550MiB", 550 << 20),
            ("550 MiB", 550 << 20),
            ("40G", 40_000_000_000),
            ("1800M", 1_800_000_000),
            ("1GB", 1_000_000_000),
            ("2TiB", 2 << 40),
            ("1.5GiB", 3 << 29),
            ("0.3 KB", 300),
            (".5G", 500_000_000),
            ("2.GiB", 2 << 30),
            ("1.7B", 1),
            ("0.333333333333333333333333333TiB", 366_503_875_925),
            ("16777215.9999999TiB", 18_446_744_073_709_441_664),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn refusals_name_the_cause() {
        for (text, why) in [
            ("", "no number"),
            ("GiB", "no number"),
            ("5 gib", "unit"),
            ("1.5gib", "unit"),
            ("1,5GiB", "unit"),
            (".GiB", "no number"),
            ("1.2.3GiB", "more than one point"),
            ("-1", "no number"),
            ("99999999999999999999", "too large"),
            ("99999999999TiB", "too large"),
        ] {
            let error = text.parse::<Bytes>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn display_is_short() {
        for (bytes, text) in [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (550 << 20, "550 MiB")]
        {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
