//! The interpreter that the kernel starts for a program of another architecture, where native programs may stand in.
//!
//! In: the kernel's call (`interpreter path argv0 arguments...`) and the table of native programs. Out: the native program,
//! or the emulator, in this process. Never: a stand-in whose original is not the file that the table was made of.
#![expect(clippy::disallowed_methods, reason = "runs as the hook that calls it, and sees what that sees")]

use std::ffi::{CString, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dibber_model::Arch;
use serde::{Deserialize, Serialize};

use crate::kernel;

/// The name that this program is registered under.
pub const NAME: &str = "dibber-interpreter";
/// Native programs, in every root where they may stand in: the native tree's tree and the table.
pub const NATIVE: &str = "/run/dibber/native";

/// What cannot be started, as shells have it.
const NOT_STARTED: i32 = 126;

/// The table of native programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandInTable {
    /// The architecture of the programs.
    pub arch: Arch,
    /// Path of the emulator in the sandbox.
    pub emulator: String,
    /// Path of the native tree's dynamic loader.
    pub loader: String,
    /// The directories of the native tree's libraries, separated by `:`.
    pub libraries: String,
    /// Programs by the name of the file that they stand in for.
    pub rows: Vec<StandIn>,
}

/// Native programs, for a tree of another architecture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativePrograms {
    /// The `TMP_BUILD_DIR` of a tree of this machine's architecture, as the driver sees it.
    pub build_dir: PathBuf,
    /// Which of its programs may stand in, and for which files.
    pub table: StandInTable,
}

/// Where programs are, without links: a system that is merged while it is made has them below `/usr` afterwards.
pub const DIRS: [&str; 4] = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];

/// A program, and how to know the file that it stands in for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandIn {
    /// The file's name, in one of [`DIRS`].
    pub name: String,
    /// Its length, in bytes.
    pub bytes: u64,
    /// Its time of modification, in seconds since 1970.
    pub modified: i64,
    /// The program's path in the native tree.
    pub program: String,
}

impl StandInTable {
    /// As lines: four values, then rows.
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n{}\n", self.arch, self.emulator, self.loader, self.libraries);
        for StandIn { name, bytes, modified, program } in &self.rows {
            text += &format!("{bytes} {modified} {name} {program}\n");
        }
        text
    }

    /// Reads what [`StandInTable::to_text`] wrote.
    pub fn read(text: &str) -> Option<StandInTable> {
        let mut lines = text.lines().map(str::to_owned);
        let arch = lines.next()?.parse().ok()?;
        let (emulator, loader, libraries) = (lines.next()?, lines.next()?, lines.next()?);
        let row = |line: String| {
            let mut words = line.split(' ');
            let (bytes, modified) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some(StandIn {
                name: words.next()?.to_owned(),
                bytes,
                modified,
                program: words.next()?.to_owned(),
            })
        };
        Some(StandInTable { arch, emulator, loader, libraries, rows: lines.map(row).collect::<Option<_>>()? })
    }
}

/// Becomes the native program or the emulator. Returns only if that fails: the exit code.
pub(crate) fn main() -> i32 {
    kernel::close_executed();
    let mut arguments = std::env::args_os().skip(1);
    let (Some(path), Some(argv0)) = (arguments.next(), arguments.next()) else {
        eprintln!("dibber: {NAME} is called by the kernel alone");
        return NOT_STARTED;
    };
    let Some(table) =
        fs::read_to_string(format!("{NATIVE}/table")).ok().and_then(|text| StandInTable::read(&text))
    else {
        eprintln!("dibber: {}: this root has no table of native programs", path.to_string_lossy());
        return NOT_STARTED;
    };
    let program = if names_libraries() { None } else { stand_in(&table, Path::new(&path)) };
    let mut words: Vec<OsString> = match program {
        Some(program) => {
            let known = [&table.loader, "--inhibit-cache", "--library-path", &table.libraries, "--argv0"];
            known.into_iter().map(OsString::from).chain([argv0, program.into()]).collect()
        }
        None => [OsString::from(&table.emulator), "-0".into(), argv0, path].into(),
    };
    words.extend(arguments);
    let words: Vec<CString> =
        words.into_iter().map(|word| CString::new(word.into_vec()).expect("arguments have no NUL")).collect();
    let error = kernel::execute(&words);
    eprintln!("dibber: {}: {error}", String::from_utf8_lossy(words[0].as_bytes()));
    NOT_STARTED
}

/// Whether the caller names libraries to be loaded: they are the tree's, and do not fit a native program.
fn names_libraries() -> bool {
    ["LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT"].into_iter().any(|name| std::env::var_os(name).is_some())
}

/// The native tree's program for a path, if it may stand in.
fn stand_in(table: &StandInTable, path: &Path) -> Option<String> {
    let real = fs::canonicalize(path).ok()?;
    let name = real.file_name()?;
    let row = table.rows.iter().find(|row| row.name.as_bytes() == name.as_bytes())?;
    let usual = DIRS.iter().any(|dir| real.parent() == Some(Path::new(dir)));
    let found = fs::metadata(&real).ok()?;
    let same = (found.len(), found.mtime()) == (row.bytes, row.modified);
    // A set-user-ID file would lend its rights to the loader, which gives none.
    let plain = found.mode() & 0o6000 == 0;
    (usual && same && plain).then(|| format!("{NATIVE}/root{}", row.program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let row = |name: &str, bytes, modified| StandIn {
            name: name.into(),
            bytes,
            modified,
            program: format!("/usr/bin/{name}"),
        };
        let table = StandInTable {
            arch: Arch::Ppc64le,
            emulator: "/run/dibber/shim/qemu-ppc64le".into(),
            loader: "/run/dibber/native/root/ld.so".into(),
            libraries: "/run/dibber/native/root/lib".into(),
            rows: vec![row("dash", 7, -3), row("[", 0, 1)],
        };
        assert_eq!(StandInTable::read(&table.to_text()), Some(table));
        assert_eq!(StandInTable::read("ppc64le\na\nb\nc\nx y z\n"), None);
        assert_eq!(StandInTable::read("a\n"), None);
    }

    #[test]
    fn a_changed_file_gets_no_stand_in() {
        let path = Path::new("/usr/bin/env");
        let found = fs::metadata(path).expect("every system has env(1)");
        let row =
            |bytes, modified| StandIn { name: "env".into(), bytes, modified, program: "/bin/env".into() };
        let empty = String::new;
        let table = |row| StandInTable {
            arch: Arch::Ppc64le,
            emulator: empty(),
            loader: empty(),
            libraries: empty(),
            rows: Vec::from([row]),
        };
        let (bytes, modified) = (found.len(), found.mtime());
        let stands_in = stand_in(&table(row(bytes, modified)), path);
        assert_eq!(stands_in.as_deref(), Some("/run/dibber/native/root/bin/env"));
        assert_eq!(stand_in(&table(row(bytes + 1, modified)), path), None);
        assert_eq!(stand_in(&table(row(bytes, modified + 1)), path), None);
        assert_eq!(stand_in(&table(row(bytes, modified)), Path::new("/usr/bin/id")), None);
    }
}
