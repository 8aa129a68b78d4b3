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
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start_matches(' ');
        if number.is_empty() {
            return Err(fail("it has no number"));
        }
        let number: u64 = number.parse().map_err(|_| fail("the number is too large"))?;
        let (_, factor) =
            UNITS.iter().find(|(u, _)| *u == unit).ok_or_else(|| fail("its unit is unknown"))?;
        number.checked_mul(*factor).map(Bytes).ok_or_else(|| fail("the number is too large"))
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
            ("1.5GiB", "unit"),
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
