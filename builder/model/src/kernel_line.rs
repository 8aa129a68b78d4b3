//! A kernel's command line: where one argument ends and the next begins, and what cannot be on it.
//!
//! Arguments enter in many places (image files, variables, `dibber boot`) and pass through the quoting of a shell and of GRUB before a
//! kernel takes them apart. So they are taken apart here as the kernel will do it (lib/cmdline.c, `next_arg`).
//!
//! In: arguments as they were written. Out: each of them, or why they cannot be told to a kernel. Never: a change to one.

use alloc::string::String;
use alloc::vec::Vec;

/// What fits: `COMMAND_LINE_SIZE` of x86, powerpc and arm64 is 2048, with a zero byte at its end.
pub const LONGEST: usize = 2047;

/// Why arguments cannot be told to a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KernelLineError {
    /// A byte that ends the line for whoever carries it.
    #[error("kernel arguments hold a {0}, and nothing that starts a kernel can tell it one; leave it out")]
    Unspeakable(&'static str),
    /// Too long.
    #[error("kernel arguments of {0} bytes, and a kernel takes {LONGEST} in all; give fewer")]
    TooLong(usize),
}

/// Whether a kernel can be told this at all.
pub fn check(text: &str) -> Result<(), KernelLineError> {
    for (letter, name) in [('\0', "zero byte"), ('\n', "line end"), ('\r', "carriage return")] {
        if text.contains(letter) {
            return Err(KernelLineError::Unspeakable(name));
        }
    }
    match text.len() {
        len if len > LONGEST => Err(KernelLineError::TooLong(len)),
        _ => Ok(()),
    }
}

/// Arguments, with their quotes: they are parted at white space that stands between no double quotes.
pub fn arguments(text: &str) -> Vec<&str> {
    let mut inside = false;
    let words = text.split(|letter: char| {
        inside ^= letter == '"';
        letter.is_ascii_whitespace() && !inside
    });
    words.filter(|word| !word.is_empty()).collect()
}

/// An argument without the quotes that a kernel takes off: around all of it, or around its value.
fn bare(argument: &str) -> String {
    let unquoted = |text: &str| String::from(text.strip_suffix('"').unwrap_or(text));
    match (argument.strip_prefix('"'), argument.split_once("=\"")) {
        (Some(rest), _) => unquoted(rest),
        (None, Some((name, value))) if !name.is_empty() && !name.contains('=') => {
            alloc::format!("{name}={}", unquoted(value))
        }
        _ => argument.into(),
    }
}

/// What GRUB's `linux` makes of an argument, where a kernel takes that for something else: it puts a backslash before each quote and
/// backslash, and quotes around an argument with a blank, but not around one with a tab (grub-core/lib/cmdline.c).
pub fn changed_by_grub(argument: &str) -> Option<String> {
    let bare = bare(argument);
    let tab = bare.contains('\t') && argument.contains('"') && !bare.contains(' ');
    if !bare.contains(['\\', '\'', '"']) && !tab {
        return None;
    }
    let mut told = String::new();
    for letter in bare.chars() {
        if matches!(letter, '\\' | '\'' | '"') {
            told.push('\\');
        }
        told.push(letter);
    }
    Some(if bare.contains(' ') { alloc::format!("\"{told}\"") } else { told })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_parted_as_a_kernel_parts_them() {
        let line = "a=1  dyndbg=\"file drivers/usb/* +p\"\tds=nocloud;s=/x/ \"k=v w\" b=\"c d";
        assert_eq!(
            arguments(line),
            ["a=1", "dyndbg=\"file drivers/usb/* +p\"", "ds=nocloud;s=/x/", "\"k=v w\"", "b=\"c d"]
        );
        assert!(arguments(" \t ").is_empty());
    }

    #[test]
    fn what_no_line_holds_is_refused() {
        for (text, why) in [("a\0b", "zero byte"), ("a\nb", "line end"), ("a\r", "carriage return")] {
            let said = alloc::string::ToString::to_string(&check(text).unwrap_err());
            assert!(said.contains(why), "{said}");
        }
        assert_eq!(check(&"x".repeat(2048)), Err(KernelLineError::TooLong(2048)));
        for fine in ["", "ds=nocloud;s=/x/ m=1$2 `id` {a}|b&c #d \\ ' \" \t", &"x".repeat(2047)] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn what_grub_changes_is_known() {
        for kept in ["a=b", "m=1$2", "k=\"v w\"", "\"k=v w\"", "k=\"v\"", "x=`id`", "k=\"v\tw x\"", "a\tb"] {
            assert_eq!(changed_by_grub(kept), None, "{kept}");
        }
        for (written, told) in [
            (r"x=a\b", r"x=a\\b"),
            ("it's", r"it\'s"),
            ("k=\"a 'b'\"", r#""k=a \'b\'""#),
            ("k=a\"b", r#"k=a\"b"#),
            ("k=\"v\tw\"", "k=v\tw"),
        ] {
            assert_eq!(changed_by_grub(written).as_deref(), Some(told), "{written}");
        }
    }
}
