//! mknod: in a user namespace nobody makes a device. A file of that name takes its place, and an attribute says which device the image has
//! there, so that it can be owned, closed, moved and removed as the device could.
//!
//! In: mknod(1)'s arguments. Out: a pipe by the real program, or a marked file. Never: a device that leads to the machine's.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{XattrFlags, fsetxattr};

use crate::real;

/// The attribute that marks a file as a device: `c 5 1`, as mknod(1) takes it.
pub const DEVICE: &str = "user.dibber.device";

/// The numbers of devices on Linux's disks: 12 bits and 20 (the kernel's `include/linux/kdev_t.h`).
pub const MAJORS: u32 = 1 << 12;
/// See [`MAJORS`].
pub const MINORS: u32 = 1 << 20;

/// A command line of mknod(1) that asks for a device.
#[derive(Debug, PartialEq, Eq)]
struct DeviceCall<'a> {
    name: &'a str,
    kind: char,
    major: u32,
    minor: u32,
    /// That of `-m`; else the umask's.
    mode: Option<u32>,
}

pub(crate) fn main(name: &str, arguments: &[OsString]) -> i32 {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    // Pipes, help, and what is wrong: the real one knows.
    let Some(call) = DeviceCall::parse(&words) else { return real::run(name, &words) };
    match call.make() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{name}: {}: {error}", call.name);
            1
        }
    }
}

impl<'a> DeviceCall<'a> {
    fn parse(words: &'a [String]) -> Option<DeviceCall<'a>> {
        let mut mode = None;
        let mut plain = Vec::new();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let given = match word {
                "-m" | "--mode" => Some(words.next()?),
                "-Z" => continue,
                "--" => {
                    plain.extend(words);
                    break;
                }
                other => other.strip_prefix("--mode=").or_else(|| other.strip_prefix("-m")),
            };
            match given {
                Some(text) => mode = Some(u32::from_str_radix(text, 8).ok()? & 0o7777),
                None if word.starts_with('-') => return None,
                None => plain.push(word),
            }
        }
        let [name, kind, major, minor] = plain.as_slice() else { return None };
        let kind = match *kind {
            "b" => 'b',
            "c" | "u" => 'c',
            _ => return None,
        };
        Some(DeviceCall { name, kind, major: number(major)?, minor: number(minor)?, mode })
    }

    fn make(&self) -> io::Result<()> {
        if self.major >= MAJORS || self.minor >= MINORS {
            return Err(io::Error::other(format!("{} {}: there is no such device", self.major, self.minor)));
        }
        let file = File::options().write(true).create_new(true).open(self.name)?;
        let text = format!("{} {} {}", self.kind, self.major, self.minor);
        let marked = fsetxattr(&file, DEVICE, text.as_bytes(), XattrFlags::empty());
        if marked.is_err() {
            // Where a file cannot be marked, none is in the image: /dev and /run of the sandbox.
            fs::remove_file(Path::new(self.name))?;
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
        match self.mode {
            Some(mode) => file.set_permissions(Permissions::from_mode(mode)),
            // 0666 less the umask, as it was opened.
            None => Ok(()),
        }
    }
}

/// As mknod(1) reads one: decimal, or octal or hexadecimal by its beginning.
fn number(text: &str) -> Option<u32> {
    match (text.strip_prefix("0x"), text.strip_prefix('0').filter(|rest| !rest.is_empty())) {
        (Some(digits), _) => u32::from_str_radix(digits, 16).ok(),
        (None, Some(digits)) => u32::from_str_radix(digits, 8).ok(),
        (None, None) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_as_mknod_takes_them() {
        let told = |text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            DeviceCall::parse(&words).map(|call| {
                let mode = call.mode.map(|mode| format!(" {mode:o}")).unwrap_or_default();
                format!("{} {} {} {}{mode}", call.name, call.kind, call.major, call.minor)
            })
        };
        for (text, expected) in [
            ("/t/dev/console c 5 1", Some("/t/dev/console c 5 1")),
            ("-m 0600 dev/sda b 8 0", Some("dev/sda b 8 0 600")),
            ("dev/null c 1 3 -m666", Some("dev/null c 1 3 666")),
            ("--mode=660 x u 0x10 010", Some("x c 16 8 660")),
            ("pipe p", None),
            ("x c 5", None),
            ("-m u=rw x c 5 1", None),
            ("--help", None),
        ] {
            assert_eq!(told(text).as_deref(), expected, "{text}");
        }
    }
}
