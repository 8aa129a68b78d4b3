//! mount and umount: done by the real programs, within the sandbox, and written down.
//!
//! In: mount(8)'s arguments. Out: a mount of this namespace, and a line of the record. Never: a loop device.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::record::{MountRequest, Request, note};

/// Options of mount(8) that take a value as their next word.
const WITH_VALUE: [&str; 10] =
    ["-t", "--types", "-o", "--options", "-O", "--test-opts", "--source", "--target", "-L", "-U"];

pub(crate) fn mount(name: &str, arguments: &[OsString]) -> i32 {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    if words.iter().any(|word| word == "loop" || word.split([',', '=']).any(|option| option == "loop")) {
        eprintln!("{name}: refused: dibber has no loop devices; unpack the image into the tree instead");
        return 1;
    }
    let asked = Asked::parse(&words);
    let words = asked.possible();
    let code = real(name, &words);
    let Some(target) = asked.target().filter(|_| code == 0 && !asked.remount()) else { return code };
    let arguments = words.iter().zip(asked.is_path(&words)).map(|(word, path)| if path { absolute(word) } else { word.clone() });
    recorded(name, &Request::Mount(MountRequest { arguments: arguments.collect(), target: absolute(target) }))
}

pub(crate) fn umount(name: &str, arguments: &[OsString]) -> i32 {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let targets: Vec<String> = words.iter().filter(|word| !word.starts_with('-')).map(|word| absolute(word)).collect();
    let code = real(name, &words);
    if code != 0 {
        return code;
    }
    targets.into_iter().map(|target| recorded(name, &Request::Unmount { target })).max().unwrap_or(0)
}

fn recorded(name: &str, request: &Request) -> i32 {
    note(request).map_or_else(
        |error| {
            eprintln!("{name}: done, but cannot note it for a later resume: {error}");
            1
        },
        |()| 0,
    )
}

/// Runs the program that this one stands in for, and passes its exit code on.
fn real(name: &str, words: &[String]) -> i32 {
    let found = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].iter().map(|dir| Path::new(dir).join(name)).find(|path| path.is_file());
    let Some(program) = found else {
        eprintln!("{name}: not installed (package mount)");
        return 127;
    };
    match Command::new(&program).args(words).status() {
        Ok(status) => status.code().unwrap_or(1),
        Err(error) => {
            eprintln!("{name}: cannot start {}: {error}", program.display());
            126
        }
    }
}

/// A path as another process, with another working directory, can use it.
fn absolute(word: &str) -> String {
    std::fs::canonicalize(word)
        .or_else(|_| std::path::absolute(word))
        .unwrap_or_else(|_| PathBuf::from(word))
        .to_string_lossy()
        .into_owned()
}

/// A command line of mount(8): its words, and the places of those that are neither options nor values.
struct Asked<'a> {
    words: &'a [String],
    plain: Vec<usize>,
}

impl<'a> Asked<'a> {
    fn parse(words: &'a [String]) -> Asked<'a> {
        let mut plain = Vec::new();
        let mut skip = false;
        for (place, word) in words.iter().enumerate() {
            if skip {
                skip = false;
            } else if word.starts_with('-') {
                skip = WITH_VALUE.contains(&word.as_str());
            } else {
                plain.push(place);
            }
        }
        Asked { words, plain }
    }

    fn value(&self, short: &str, long: &str) -> Option<&str> {
        let places = self.words.iter().enumerate();
        let mut found = None;
        for (place, word) in places {
            if word == short || word == long {
                found = self.words.get(place + 1).map(String::as_str);
            } else if let Some(value) = word.strip_prefix(long).and_then(|rest| rest.strip_prefix('=')) {
                found = Some(value);
            } else if let Some(value) = word.strip_prefix(short).filter(|v| !word.starts_with("--") && !v.is_empty()) {
                found = Some(value);
            }
        }
        found
    }

    fn remount(&self) -> bool {
        self.value("-o", "--options").is_some_and(|all| all.split(',').any(|option| option == "remount"))
    }

    fn target(&self) -> Option<&str> {
        self.value("\0", "--target").or_else(|| self.plain.last().map(|place| self.words[*place].as_str()))
    }

    /// The words, where a kernel file system cannot be mounted in a user namespace: a recursive bind of it instead.
    fn possible(&self) -> Vec<String> {
        let bound = match self.value("-t", "--types") {
            Some("sysfs") => "/sys",
            Some("devtmpfs") => "/dev",
            _ => return self.words.to_vec(),
        };
        match self.target() {
            Some(target) if self.plain.len() == 2 => {
                ["--rbind", bound, target].map(str::to_owned).to_vec()
            }
            _ => self.words.to_vec(),
        }
    }

    /// Which of some words are paths: the target, and the source of a bind.
    fn is_path(&self, words: &[String]) -> Vec<bool> {
        let now = Asked::parse(words);
        let bind = words.iter().any(|word| ["--bind", "--rbind", "-B", "-R"].contains(&word.as_str()))
            || now.value("-o", "--options").is_some_and(|all| all.split(',').any(|o| o == "bind" || o == "rbind"));
        let last = now.plain.last().copied();
        (0..words.len())
            .map(|place| Some(place) == last || (bind && now.plain.contains(&place)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn sysfs_becomes_a_recursive_bind() {
        let asked = words("-t sysfs none /t/sys");
        assert_eq!(Asked::parse(&asked).possible(), words("--rbind /sys /t/sys"));
        let asked = words("-t proc none /t/proc");
        assert_eq!(Asked::parse(&asked).possible(), asked);
    }

    #[test]
    fn paths_are_told_from_values() {
        let asked = words("-o ro,bind a b");
        let parsed = Asked::parse(&asked);
        assert_eq!(parsed.target(), Some("b"));
        assert_eq!(parsed.is_path(&asked), [false, false, true, true]);
        let asked = words("-t tmpfs -o size=1m none b");
        assert_eq!(Asked::parse(&asked).is_path(&asked), [false, false, false, false, false, true]);
        assert!(!Asked::parse(&asked).remount());
    }
}
