//! Times as FAT keeps them.
//!
//! In: a point in time. Out: date, time and hundredths, in UTC, between 1980 and 2107. Never: a time zone.

use dibber_model::Timestamp;

/// 1980-01-01 00:00:00 and 2107-12-31 23:59:59, the ends of a 7-bit year: seconds since 1970.
const FIRST: i64 = 315_532_800;
const LAST: i64 = 4_354_819_199;

/// A point in time in three fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DosTime {
    /// Year since 1980, month, day.
    pub(crate) date: u16,
    /// Hour, minute, second halves.
    pub(crate) time: u16,
    /// Hundredths of a second, 0 to 199: what `time` leaves out.
    pub(crate) hundredths: u8,
}

impl DosTime {
    pub(crate) fn of(at: Timestamp) -> Self {
        let (secs, nanos) = match at.secs {
            secs if secs < FIRST => (FIRST, 0),
            secs if secs > LAST => (LAST, 0),
            secs => (secs, at.nanos.min(999_999_999)),
        };
        let (day, second) = (secs / 86_400, secs % 86_400);
        let CivilDate { year, month, day } = civil(day);
        let date = (year - 1980) << 9 | month << 5 | day;
        let time = (second / 3600) << 11 | (second / 60 % 60) << 5 | (second % 60 / 2);
        let hundredths = second % 2 * 100 + i64::from(nanos / 10_000_000);
        DosTime { date: date as u16, time: time as u16, hundredths: hundredths as u8 }
    }
}

/// A date of the proleptic Gregorian calendar.
struct CivilDate {
    year: i64,
    month: i64,
    day: i64,
}

/// The date of a day since 1970-01-01, by counting from 1 March of year 0, when a leap day ends a year.
fn civil(days: i64) -> CivilDate {
    // 719,468 days lie between 0000-03-01 and 1970-01-01; 146,097 make 400 years.
    let days = days + 719_468;
    let era = days / 146_097;
    let day = days % 146_097;
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months from March alternate 31 and 30 in groups of five: 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let january = i64::from(month >= 10);
    CivilDate { year: era * 400 + year + january, month: month + 3 - 12 * january, day }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_and_clamped() {
        let dos = |secs, nanos| DosTime::of(Timestamp { secs, nanos });
        let field = |y: u16, m: u16, d: u16| (y - 1980) << 9 | m << 5 | d;
        let first = DosTime { date: field(1980, 1, 1), time: 0, hundredths: 0 };
        assert_eq!(dos(-5, 3), first);
        assert_eq!(dos(FIRST, 0), first);
        // date -u -d '2024-02-29 12:34:57' +%s
        let leap = dos(1_709_210_097, 560_000_000);
        assert_eq!(leap.date, field(2024, 2, 29));
        assert_eq!((leap.time, leap.hundredths), (12 << 11 | 34 << 5 | 28, 156));
        let last = DosTime { date: field(2107, 12, 31), time: 23 << 11 | 59 << 5 | 29, hundredths: 100 };
        assert_eq!(dos(LAST, 0), last);
        assert_eq!(dos(i64::MAX, 7), last);
        // 2100 is no leap year: date -u -d '2100-03-01' +%s
        assert_eq!(dos(4_107_542_400, 0).date, field(2100, 3, 1));
    }
}
