//! dib-run-parts' rules: which files of a phase run, and in which order.
//!
//! In: file names. Out: an order and two verdicts. Never: a look at content.
//!
//! Follows `lib/dib-run-parts` of dib: `grep -E '^[0-9A-Za-z_-]+$' | LANG=C sort -n`; environment files are sorted by
//! `sort -n` on their full path, which starts with `/`, so bytewise.

use core::cmp::Ordering;

/// Whether dib-run-parts would run an executable file of this name.
pub fn is_hook_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Whether a file of `environment.d` is sourced. It need not be executable.
pub fn is_environment_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// The number that a name starts with, as sign and digits without leading zeros; no digits is zero.
fn number(name: &str) -> (bool, &str) {
    let (negative, rest) = match name.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, name),
    };
    let end = rest.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
    let digits = rest[..end].trim_start_matches('0');
    (negative && !digits.is_empty(), digits)
}

/// The order in which hooks of a phase run: by leading number, then bytewise.
pub fn compare(a: &str, b: &str) -> Ordering {
    let size = |digits: &str, other: &str| digits.len().cmp(&other.len()).then_with(|| digits.cmp(other));
    let by_number = match (number(a), number(b)) {
        ((false, x), (false, y)) => size(x, y),
        ((true, x), (true, y)) => size(y, x),
        ((true, _), (false, _)) => Ordering::Less,
        ((false, _), (true, _)) => Ordering::Greater,
    };
    by_number.then_with(|| a.as_bytes().cmp(b.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn numbers_then_bytes() {
        // What `printf ... | LANG=C LC_ALL=C sort -n` of coreutils 9.1 prints.
        let sorted =
            ["-5-x", "-1", "--a", "0", "00", "README", "aa", "9-a", "010-z", "10-a", "10-b", "20-b", "100-c"];
        let mut names = vec![
            "100-c", "aa", "10-b", "-1", "0", "9-a", "10-a", "--a", "00", "20-b", "README", "010-z", "-5-x",
        ];
        names.sort_by(|a, b| compare(a, b));
        assert_eq!(names, sorted);
    }

    #[test]
    fn numbers_of_any_length() {
        assert_eq!(compare("99999999999999999999999-a", "100000000000000000000000-a"), Ordering::Less);
    }

    #[test]
    fn names() {
        assert!(is_hook_name("10-foo_Bar") && !is_hook_name("10-foo.sh") && !is_hook_name("10 x"));
        assert!(is_environment_name("10-foo.bash") && !is_environment_name("10-foo~"));
    }
}
