//! Mends files in place, one word about each.
//!
//! In: findings with changes. Out: changed files, or a diff. Never: a file outside of its element, however its name or the directories above
//! it change meanwhile; a file half written.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use dibber_fs::Dir;
use dibber_lint::{Change, Finding, changed, unified};
use dibber_model::printable::printable;

use super::LintArgs;
use crate::exit::Exit;
use crate::report::Problem;
use crate::terminal::{print_stderr, print_stdout};

/// Texts that are looked at are no longer (`Body::Inline` of plan).
const LONGEST: u64 = 1 << 20;

/// Mends what findings say, or shows what would be.
pub(super) fn mend(args: &LintArgs, roots: &[PathBuf], findings: &[Finding]) -> Result<(), Problem> {
    let mut files: BTreeMap<&str, Vec<Change>> = BTreeMap::new();
    for finding in findings {
        files.entry(&finding.file).or_default().extend(finding.change);
    }
    for (file, mut changes) in files.into_iter().filter(|(_, changes)| !changes.is_empty()) {
        changes.sort();
        changes.dedup();
        // The longest, where one element lies in another.
        let inside = |root: &&PathBuf| Path::new(file).starts_with(root);
        let Some(root) = roots.iter().filter(inside).max_by_key(|root| root.as_os_str().len()) else {
            continue;
        };
        let path = Path::new(file).strip_prefix(root).unwrap_or(Path::new(file));
        let wrong =
            |error: io::Error| Problem::new(Exit::Fault, format!("{file}: cannot be mended: {error}"));
        FileToMend { file, root, path }.mend(args, &changes).map_err(wrong)?;
    }
    Ok(())
}

/// A file of an element.
struct FileToMend<'a> {
    /// Its path for people.
    file: &'a str,
    /// Its element's directory.
    root: &'a Path,
    /// Its path in there.
    path: &'a Path,
}

impl FileToMend<'_> {
    /// Its name on one line.
    fn shown(&self) -> String {
        printable(self.file.as_bytes())
    }

    fn mend(&self, args: &LintArgs, changes: &[Change]) -> io::Result<()> {
        let top = Dir::open(self.root)?;
        let before = top.read(self.path, LONGEST)?;
        let after = changed(&before, changes);
        if args.diff {
            let texts = (String::from_utf8_lossy(&before), String::from_utf8_lossy(&after));
            let diff = unified(&self.shown(), &texts.0, &texts.1);
            let modes = changes.iter().filter(|change| !change.is_of_content());
            let modes: String =
                modes.map(|change| format!("{}: {}\n", self.shown(), change.words())).collect();
            print_stdout(diff + &modes);
        }
        if !args.fix {
            return Ok(());
        }
        let file = top.file(self.path)?;
        let mode = mode_after(file.metadata()?.permissions().mode(), changes);
        if after == before {
            file.set_permissions(Permissions::from_mode(mode))?;
        } else {
            let parent = top.below(self.path.parent().unwrap_or(Path::new("")))?;
            let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            parent.replace(name, &after, Some(mode & 0o7777))?;
        }
        let words: Vec<&str> = changes.iter().map(|change| change.words()).collect();
        print_stderr(format!("{}: {}", self.shown(), words.join(", ")));
        Ok(())
    }
}

/// Whoever may read the file may run it, or nobody may.
fn mode_after(mode: u32, changes: &[Change]) -> u32 {
    changes.iter().fold(mode, |mode, change| match change {
        Change::MakeExecutable => mode | (mode & 0o444) >> 2,
        Change::MakePlain => mode & !0o111,
        _ => mode,
    })
}
