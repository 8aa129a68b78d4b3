//! mount and umount: done by the real programs, within the sandbox, and written down.
//!
//! In: mount(8)'s arguments. Out: a mount of this namespace, and a line of the record. Never: a loop device.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::record::{MountRequest, MountSource, Request, append_to_record};

/// A file that is there where a hook has no /proc of its own, and so cannot make another one either.
pub const SHARES_PROC: &str = "/run/dibber/shares-proc";

/// Options of mount(8) that take a value as their next word.
const WITH_VALUE: [&str; 10] =
    ["-t", "--types", "-o", "--options", "-O", "--test-opts", "--source", "--target", "-L", "-U"];

pub(crate) fn mount(name: &str, arguments: &[OsString]) -> i32 {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    if words.iter().any(|word| word == "loop" || word.split([',', '=']).any(|option| option == "loop")) {
        eprintln!("{name}: refused: dibber has no loop devices; unpack the image into the tree instead");
        return 1;
    }
    let asked = MountCall::parse(&words);
    let words = asked.words_in_user_namespace();
    let code = run_real(name, &words);
    match MountCall::parse(&words).request().filter(|_| code == 0) {
        Some(request) => record(name, &Request::Mount(request)),
        None => code,
    }
}

pub(crate) fn umount(name: &str, arguments: &[OsString]) -> i32 {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let targets: Vec<String> =
        words.iter().filter(|word| !word.starts_with('-')).map(|word| absolute(word)).collect();
    // What was bound for a proc has mounts of the container's in it, and is busy by them.
    let lazily = Path::new(SHARES_PROC).exists().then(|| "--lazy".to_owned());
    let code = run_real(name, &lazily.into_iter().chain(words).collect::<Vec<_>>());
    if code != 0 {
        return code;
    }
    targets.into_iter().map(|target| record(name, &Request::Unmount { target })).max().unwrap_or(0)
}

fn record(name: &str, request: &Request) -> i32 {
    append_to_record(request).map_or_else(
        |error| {
            eprintln!("{name}: done, but cannot note it for a later resume: {error}");
            1
        },
        |()| 0,
    )
}

/// Runs the program that this one stands in for, and passes its exit code on.
fn run_real(name: &str, words: &[String]) -> i32 {
    let found = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .map(|dir| Path::new(dir).join(name))
        .find(|path| path.is_file());
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
struct MountCall<'a> {
    words: &'a [String],
    plain: Vec<usize>,
}

impl<'a> MountCall<'a> {
    fn parse(words: &'a [String]) -> MountCall<'a> {
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
        MountCall { words, plain }
    }

    fn value(&self, short: &str, long: &str) -> Option<&str> {
        let places = self.words.iter().enumerate();
        let mut found = None;
        for (place, word) in places {
            if word == short || word == long {
                found = self.words.get(place + 1).map(String::as_str);
            } else if let Some(value) = word.strip_prefix(long).and_then(|rest| rest.strip_prefix('=')) {
                found = Some(value);
            } else if let Some(value) =
                word.strip_prefix(short).filter(|v| !word.starts_with("--") && !v.is_empty())
            {
                found = Some(value);
            }
        }
        found
    }

    /// All options, in their order.
    fn options(&self) -> Vec<String> {
        let mut options = Vec::new();
        let mut words = self.words.iter();
        while let Some(word) = words.next() {
            let list = match word.as_str() {
                "-o" | "--options" => words.next().map(String::as_str),
                "-r" | "--read-only" => Some("ro"),
                // Their values are no options.
                other if WITH_VALUE.contains(&other) => words.next().and(None),
                other => other.strip_prefix("--options=").or_else(|| {
                    other.strip_prefix("-o").filter(|list| !other.starts_with("--") && !list.is_empty())
                }),
            };
            options.extend(list.into_iter().flat_map(|list| list.split(',')).map(str::to_owned));
        }
        options
    }

    /// Whether one of the words, or one of the options, is this one.
    fn has(&self, words: [&str; 2], option: &str, options: &[String]) -> bool {
        self.words.iter().any(|word| words.contains(&word.as_str())) || options.iter().any(|o| o == option)
    }

    /// What was mounted, as another process can mount it again: nothing if it was no new mount, or one by a line of /etc/fstab.
    fn request(&self) -> Option<MountRequest> {
        let options = self.options();
        let target = absolute(self.target()?);
        let moves = ["-M", "--move"];
        if self.has(moves, "remount", &options) || self.words.iter().any(|word| word.starts_with("--make-")) {
            return None;
        }
        let named = self.value("\0", "--target").is_some();
        let source = match (self.value("\0", "--source"), self.plain.as_slice()) {
            (Some(source), _) => source,
            (None, [only]) if named => &self.words[*only],
            (None, [source, _]) if !named => &self.words[*source],
            _ => return None,
        };
        let recursive = self.has(["-R", "--rbind"], "rbind", &options);
        let what = if recursive || self.has(["-B", "--bind"], "bind", &options) {
            MountSource::Bind { source: absolute(source), recursive }
        } else {
            MountSource::New { kind: self.value("-t", "--types")?.to_owned(), source: source.to_owned() }
        };
        Some(MountRequest { what, options, target })
    }

    fn target(&self) -> Option<&str> {
        self.value("\0", "--target").or_else(|| self.plain.last().map(|place| self.words[*place].as_str()))
    }

    /// The words, where a kernel file system cannot be mounted in a user namespace: a recursive bind of it instead.
    fn words_in_user_namespace(&self) -> Vec<String> {
        let bound = match self.value("-t", "--types") {
            Some("sysfs") => "/sys",
            Some("devtmpfs") => "/dev",
            Some("proc") if Path::new(SHARES_PROC).exists() => "/proc",
            _ => return self.words.to_vec(),
        };
        match self.target() {
            Some(target) if self.plain.len() == 2 => ["--rbind", bound, target].map(str::to_owned).to_vec(),
            _ => self.words.to_vec(),
        }
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
        assert_eq!(MountCall::parse(&asked).words_in_user_namespace(), words("--rbind /sys /t/sys"));
        let asked = words("-t proc none /t/proc");
        assert_eq!(MountCall::parse(&asked).words_in_user_namespace(), asked);
    }

    #[test]
    fn a_mount_is_told_as_it_can_be_made_again() {
        let told = |text: &str| {
            let words = words(text);
            MountCall::parse(&words).request().map(|r| {
                let what = match r.what {
                    MountSource::Bind { source, recursive } => format!("bind {source} {recursive}"),
                    MountSource::New { kind, source } => format!("{kind} {source}"),
                };
                format!("{what} [{}] {}", r.options.join(" "), r.target)
            })
        };
        let cases = [
            ("-o ro,bind /a /b", Some("bind /a false [ro bind] /b")),
            ("--rbind /a /b", Some("bind /a true [] /b")),
            ("-R /a /b", Some("bind /a true [] /b")),
            ("--bind -o ro --source /a --target /b", Some("bind /a false [ro] /b")),
            ("-t tmpfs -o size=1m none /b", Some("tmpfs none [size=1m] /b")),
            ("-t tmpfs -r -onoexec tmpfs /b", Some("tmpfs tmpfs [ro noexec] /b")),
            ("--types=proc proc /b", Some("proc proc [] /b")),
            ("-o remount,ro /b", None),
            ("-o bind,remount,ro /a /b", None),
            ("--make-rprivate /b", None),
            ("--move /a /b", None),
            ("/b", None),
            ("/dev/sda1 /b", None),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text).as_deref(), expected, "{text}");
        }
    }
}
