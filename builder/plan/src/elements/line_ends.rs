//! Line ends and byte order marks that an editor of another system left in scripts. The kernel takes a carriage return for the last
//! letter of an interpreter's name, and then says only that there is no such file; here the script is named before anything runs.
//!
//! In: a file of an element that will be run or read by bash. Out: an error where it cannot run, a warning where it does something
//! else than it seems to. Never: a change of the file.

use super::error::{ElementError, ElementWarning, FileLine};
use super::phases;
use crate::source::{Body, ElementSource, Entry};

/// What Windows' editors put in front of a text.
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// Interpreters to which a carriage return is part of the last word of a line.
const SHELLS: [&str; 4] = ["sh", "bash", "dash", "ash"];

/// Looks at a hook that will run.
pub(crate) fn check_hook(
    element: &ElementSource,
    path: &str,
) -> Result<Option<ElementWarning>, ElementError> {
    let Some(bytes) = content(element, path) else { return Ok(None) };
    let place = || FileLine::new(phases::place(element, path).file, 1);
    if starts_with_mark(bytes) {
        return Err(ElementError::ByteOrderMark { place: place() });
    }
    if !bytes.starts_with(b"#!") {
        return Ok(carriage_return(element, path, bytes));
    }
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if first.ends_with(b"\r") {
        return Err(ElementError::CarriageReturn { place: place() });
    }
    let words = first[2..].split(|byte| b" \t/".contains(byte));
    let is_shell = words.into_iter().any(|word| SHELLS.iter().any(|shell| shell.as_bytes() == word));
    Ok(carriage_return(element, path, bytes).filter(|_| is_shell))
}

/// Looks at a file that bash reads.
pub(crate) fn check_environment(element: &ElementSource, path: &str) -> Option<ElementWarning> {
    carriage_return(element, path, content(element, path)?)
}

fn starts_with_mark(bytes: &[u8]) -> bool {
    let is_utf8 = bytes.strip_prefix(UTF8_MARK).is_some_and(|rest| rest.starts_with(b"#!"));
    is_utf8 || UTF16_MARKS.iter().any(|mark| bytes.starts_with(mark))
}

/// The first line with a carriage return at its end. Text only: a program may have such bytes anywhere.
fn carriage_return(element: &ElementSource, path: &str, bytes: &[u8]) -> Option<ElementWarning> {
    let text = core::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))?;
    let line = text.split('\n').position(|line| line.ends_with('\r'))?;
    let place = FileLine::new(phases::place(element, path).file, line + 1);
    Some(ElementWarning::CarriageReturn { place })
}

fn content<'a>(element: &'a ElementSource, path: &str) -> Option<&'a [u8]> {
    match element.entries.get(path)? {
        Entry::File { body: Body::Inline(bytes), .. } => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::super::testing::element;
    use super::*;

    #[test]
    fn a_hook_that_cannot_start_is_refused() {
        for (text, named) in [
            ("#!/bin/bash\r\necho\r\n", "CRLF"),
            ("#!/usr/bin/env python3\r\n", "CRLF"),
            ("#!/bin/sh\r", "CRLF"),
            ("\u{feff}#!/bin/bash\necho\n", "byte order mark"),
        ] {
            let refused = check_hook(&element("e", &[("!install.d/10-x", text)]), "install.d/10-x");
            let message = refused.unwrap_err().to_string();
            assert!(message.starts_with("/e/e/install.d/10-x:1: ") && message.contains(named), "{message}");
        }
    }

    #[test]
    fn lines_that_a_shell_misreads_are_told() {
        for (text, line) in [
            ("#!/bin/bash\nset -e\r\n", Some(2)),
            ("#!/usr/bin/env bash\n\n\nx\r\n", Some(4)),
            ("echo\r\n", Some(1)),
            ("#!/usr/bin/python3\nprint()\r\n", None),
            ("#!/bin/bash\necho\n", None),
            ("", None),
        ] {
            let told = check_hook(&element("e", &[("!install.d/10-x", text)]), "install.d/10-x").unwrap();
            let place = line.map(|line| FileLine::new("/e/e/install.d/10-x", line));
            assert_eq!(told, place.map(|place| ElementWarning::CarriageReturn { place }), "{text:?}");
        }
        let sourced = element("e", &[("environment.d/10-x", "export A=1\nexport B=2\r\n")]);
        assert!(check_environment(&sourced, "environment.d/10-x").unwrap().to_string().contains(":2: "));
    }
}
