//! A commit that is hit at one of its system calls, and what that leaves.
//!
//! In: a system call, which of them, and what becomes of it: an error, or the end of the process. Out: what was found at once, and
//! after the next command. Never: a moment that was chosen because it works: each call of a kind is hit, one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::sets;

/// Calls that a commit makes, and that can fail.
pub const CALLS: [&str; 11] = [
    "write", "fsync", "renameat", "linkat", "unlinkat", "openat", "openat2", "mkdirat", "fchmod", "fchown",
    "flock",
];

/// What becomes of a call, in strace's words.
pub const FATES: [&str; 4] = ["error=EIO", "error=ENOSPC", "error=EPERM", "signal=KILL"];

/// One set before the blows, in which two images are; the second is hit.
pub struct Siege {
    base: tempfile::TempDir,
    trial: PathBuf,
    /// What is injected besides.
    also: Option<&'static str>,
}

/// What one blow did.
#[derive(Debug)]
pub struct Wound {
    /// What was wrong at once.
    pub at_once: Vec<String>,
    /// What was wrong after the next command.
    pub after: Vec<String>,
    /// Whether the new set is there.
    pub is_new: bool,
}

impl Siege {
    /// Makes the set; `trial` is the program that commits.
    pub fn new(trial: &Path) -> Siege {
        let base = tempfile::tempdir().expect("tempdir");
        let siege = Siege { base, trial: trial.into(), also: None };
        let set = siege.base.path().join("set");
        for (name, kinds) in [("other", "qcow2"), ("hit", "raw,qcow2,vmlinuz")] {
            assert!(siege.put(&[], &set, (name, "-old", kinds)).status.success());
        }
        assert_eq!(sets::amiss(&set), [""; 0]);
        siege
    }

    /// The same, where no file of the former set can have a further name. The new set's own links come first.
    pub fn without_links(trial: &Path) -> Siege {
        Siege { also: Some("inject=linkat:error=EPERM:when=4+"), ..Siege::new(trial) }
    }

    fn put(&self, by: &[&str], set: &Path, (name, version, kinds): (&str, &str, &str)) -> Output {
        let program = self.trial.to_str().expect("UTF-8");
        let set = set.to_str().expect("UTF-8");
        let words: Vec<&str> =
            by.iter().copied().chain([program, "put", set, name, version, kinds]).collect();
        Command::new(words[0]).args(&words[1..]).output().expect("strace; scripts/install-tools has it")
    }

    /// Hits the n-th call of a kind while a new set, of other kinds of files, replaces the old one. `None` where there are less.
    pub fn hit(&self, call: &str, fate: &str, number: usize) -> Option<Wound> {
        let (set, log) = (self.base.path().join("hit"), self.base.path().join("log"));
        let _ = fs::remove_dir_all(&set);
        crate::accepts("cp", &["-a", self.base.path().join("set").to_str()?, set.to_str()?]);
        let inject = format!("inject={call}:{fate}:when={number}");
        let trace = format!("trace={call}");
        let mut by = vec!["strace", "-f", "-o", log.to_str()?, "-e", &trace, "-e", &inject];
        by.extend(self.also.iter().flat_map(|also| ["-e", also]));
        let told = self.put(&by, &set, ("hit", "-new", "raw,initrd,qcow2"));
        let hit = fs::read_to_string(&log).expect("strace's log");
        if !(hit.contains("(INJECTED)") || hit.contains("killed by SIGKILL")) {
            return None;
        }
        let mut wound = Wound { at_once: sets::torn(&set), after: Vec::new(), is_new: false };
        if told.status.success() && version(&set) != Ok("-new".into()) {
            wound.at_once.push("it ended well, and the new set is not there".into());
        }
        let said = String::from_utf8_lossy(&told.stderr);
        if said.contains("panicked") {
            wound.at_once.push(said.into_owned());
        }
        let settled = Command::new(&self.trial).arg("settle").arg(&set).output().expect("settle");
        if !settled.status.success() {
            wound.after.push(String::from_utf8_lossy(&settled.stderr).into_owned());
        }
        // What a killed build had in its stage, the next build of the image clears.
        let _ = fs::remove_dir_all(set.join(".dibber-x86_64-hit"));
        wound.after.extend(sets::amiss(&set));
        match version(&set) {
            Ok(version) => wound.is_new = version == "-new",
            Err(why) => wound.after.push(why),
        }
        Some(wound)
    }
}

/// How the files of the image that is hit end, all alike.
fn version(set: &Path) -> Result<String, String> {
    let names: Vec<String> = sets::named(set).into_keys().filter(|name| name.contains("hit")).collect();
    let ends = |name: &String| {
        fs::read_to_string(set.join(name))
            .unwrap_or_default()
            .rsplit_once('-')
            .map(|(_, end)| format!("-{end}"))
    };
    let mut versions: Vec<Option<String>> = names.iter().map(ends).collect();
    versions.dedup();
    match &versions[..] {
        [Some(version)] => Ok(version.clone()),
        _ => Err(format!("{names:?} are of {versions:?}")),
    }
}
