//! `limits:` and `timeout:` of an image file.
//!
//! In: an image's entry. Out: the limits of its hooks. Never: a number with which no hook could run, or that the kernel does not know.

use alloc::format;
use core::fmt::Display;
use core::ops::RangeInclusive;
use core::str::FromStr;
use dibber_model::{Bytes, Limits, Span};

use crate::yaml::{Fault, Yaml};

/// A shell, a pipe and what holds them; the largest process id that Linux gives (`PID_MAX_LIMIT`).
const PROCESSES: RangeInclusive<u32> = 16..=4_194_304;
/// What a shell and apt open; the kernel's own bound (fs.nr_open).
const OPEN_FILES: RangeInclusive<u32> = 64..=1_048_576;
/// Package lists and an initrd fit; the largest file of Linux.
const FILE_SIZE: RangeInclusive<Bytes> = Bytes::mib(64)..=Bytes(i64::MAX as u64);
/// A second; a month.
const TIMEOUT: RangeInclusive<Span> = Span(1)..=Span::hours(24 * 31);

/// Reads the two keys of an image's entry.
pub(crate) fn limits(entry: &Yaml) -> Result<Limits, Fault> {
    let usual = Limits::default();
    let limits = entry.get("limits");
    let key = |name: &str| limits.and_then(|keys| keys.get(name));
    Ok(Limits {
        processes: within(key("processes"), &PROCESSES)?.unwrap_or(usual.processes),
        open_files: within(key("open_files"), &OPEN_FILES)?.unwrap_or(usual.open_files),
        file_size: within(key("file_size"), &FILE_SIZE)?.unwrap_or(usual.file_size),
        timeout: match entry.get("timeout") {
            Some(value) if value.text() == Some("none") => None,
            value => within(value, &TIMEOUT)?.or(usual.timeout),
        },
    })
}

fn within<T>(value: Option<&Yaml>, range: &RangeInclusive<T>) -> Result<Option<T>, Fault>
where
    T: FromStr<Err: Display> + PartialOrd + Display,
{
    let Some(value) = value else { return Ok(None) };
    let found: T = value.text().unwrap_or_default().parse().map_err(|error| value.at.bad(error))?;
    match range.contains(&found) {
        true => Ok(Some(found)),
        false => {
            let why = format!("{found} is not between {} and {}", range.start(), range.end());
            Err(value.at.bad(why))
        }
    }
}
