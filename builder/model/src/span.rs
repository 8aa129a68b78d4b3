//! Lengths of time, as people write them.
//!
//! In: text such as `90`, `90s`, `30m`, `2h` or `1d`. Out: [`Span`]. Never: a clock.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A number of whole seconds. Displays as `2 h 5 min`, without the units that it has none of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span(pub u64);

const UNITS: [(&str, &str, u64); 4] = [("d", "d", 86_400), ("h", "h", 3600), ("m", "min", 60), ("s", "s", 1)];

impl Span {
    /// `n` hours.
    pub const fn hours(n: u64) -> Self {
        Span(n * 3600)
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Duration {
        Duration::from_secs(span.0)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0 s");
        }
        let (mut left, mut gap) = (self.0, "");
        for (_, unit, seconds) in UNITS {
            if left >= seconds {
                write!(f, "{gap}{} {unit}", left / seconds)?;
                (left, gap) = (left % seconds, " ");
            }
        }
        Ok(())
    }
}

/// A text is not a length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a length of time; write a number and a unit, such as 90s, 30m, 2h or 1d")]
pub struct SpanError(String);

impl FromStr for Span {
    type Err = SpanError;

    /// A number without a unit is one of seconds.
    fn from_str(text: &str) -> Result<Self, SpanError> {
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = text[..text.len() - unit.len()].parse::<u64>().ok();
        let seconds = UNITS.iter().find(|(short, long, _)| [*short, *long].contains(&unit.trim_start()));
        let seconds = seconds.map(|(_, _, seconds)| *seconds).or(unit.is_empty().then_some(1));
        let all = number.zip(seconds).and_then(|(number, seconds)| number.checked_mul(seconds));
        all.map(Span).ok_or_else(|| SpanError(text.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_shown() {
        for (text, seconds, shown) in [
            ("0", 0, "0 s"),
            ("90", 90, "1 min 30 s"),
            ("45s", 45, "45 s"),
            ("30m", 1800, "30 min"),
            ("30 min", 1800, "30 min"),
            ("2h", 7200, "2 h"),
            ("1d", 86_400, "1 d"),
        ] {
            assert_eq!(text.parse(), Ok(Span(seconds)), "{text}");
            assert_eq!(Span(seconds).to_string(), shown);
        }
    }

    #[test]
    fn others_are_refused() {
        for text in ["", "h", "-1", "1.5h", "2 weeks", "99999999999999999999", "999999999999999999d"] {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.contains("such as 90s"), "{text}: {error}");
        }
    }
}
