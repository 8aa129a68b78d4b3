//! chattr: in a user namespace nobody makes a file immutable, and dib's elements do so to keep `/etc/resolv.conf`, which is the image's here
//! without that.
//!
//! In: chattr(1)'s arguments. Out: the real program's effect; where only immutable or append-only files are asked for and refused, a note.
//! Never: such a flag in an image.

use std::ffi::OsString;

use crate::real;

pub(crate) fn main(name: &str, arguments: &[OsString]) -> i32 {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let ended = match real::try_run(name, &words) {
        Ok(ended) => ended,
        Err(code) => return code,
    };
    if ended.code == 0 || !asks_to_lock_only(&words) {
        ended.tell();
        return ended.code;
    }
    eprintln!("{name}: not done: no user namespace makes a file immutable, and the image has none");
    0
}

/// Whether flags i and a alone are set or cleared, on files that are there.
fn asks_to_lock_only(words: &[String]) -> bool {
    let is_change = |word: &&String| word.starts_with(['+', '=']) || word.starts_with('-') && word.len() > 1;
    let is_how = |word: &str| matches!(word, "-R" | "-V" | "-f");
    let is_lock = |word: &str| word[1..].chars().all(|flag| matches!(flag, 'i' | 'a'));
    let mut changes = words.iter().filter(is_change).filter(|word| !is_how(word)).peekable();
    let mut files = words.iter().filter(|word| !is_change(word)).peekable();
    changes.peek().is_some()
        && files.peek().is_some()
        && changes.all(|change| is_lock(change))
        && files.all(|file| std::fs::symlink_metadata(file).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_told_from_other_flags() {
        let asks = |text: &str| asks_to_lock_only(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        for text in ["+i /etc/passwd", "-i /etc/passwd", "-R +ia /etc", "=i /etc/passwd /etc/group"] {
            assert!(asks(text), "{text}");
        }
        for text in ["+C /etc/passwd", "+iC /etc/passwd", "+i", "+i /etc/gone", "-R /etc", "/etc/passwd"] {
            assert!(!asks(text), "{text}");
        }
    }
}
