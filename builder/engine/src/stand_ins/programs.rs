//! Which native programs stand in for foreign ones, and which file each stands in for.
//!
//! In: the package versions of two trees. Out: a table for the interpreter. Never: a program by a rule: each is named here.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use dibber_fs::{Dir, file_type, os, read_in_root};
use dibber_model::Arch;
use rustix::fs::FileType;

use dibber_packages::{DatabaseKind, dpkg_packages};
use dibber_sandbox::Emulator;
use dibber_sandbox::interpreter::{DIRS, NATIVE, StandIn, StandInTable};

/// Programs whose output is a function of their input and the kernel alone, by their package. Left out are those that
/// tell the architecture (`uname`, `arch`, `dpkg`, `dpkg-query`, `bash` with `$MACHTYPE`), those that load code by path
/// (`perl`, `python3`, `stdbuf`), and those that look up other programs' libraries (`ldd`, `ldconfig`).
const PROGRAMS: [(&str, &[&str]); 17] = [
    ("bzip2", &["bzip2"]),
    (
        "coreutils",
        &[
            "[",
            "basename",
            "cat",
            "chgrp",
            "chmod",
            "chown",
            "cksum",
            "comm",
            "cp",
            "cut",
            "date",
            "dd",
            "dirname",
            "du",
            "echo",
            "env",
            "expand",
            "expr",
            "factor",
            "false",
            "fmt",
            "fold",
            "head",
            "id",
            "install",
            "join",
            "link",
            "ln",
            "ls",
            "md5sum",
            "mkdir",
            "mkfifo",
            "mktemp",
            "mv",
            "nl",
            "nohup",
            "numfmt",
            "od",
            "paste",
            "pathchk",
            "printenv",
            "printf",
            "pwd",
            "readlink",
            "realpath",
            "rm",
            "rmdir",
            "seq",
            "sha1sum",
            "sha224sum",
            "sha256sum",
            "sha384sum",
            "sha512sum",
            "shuf",
            "sleep",
            "sort",
            "split",
            "stat",
            "sum",
            "sync",
            "tac",
            "tail",
            "tee",
            "test",
            "timeout",
            "touch",
            "tr",
            "true",
            "truncate",
            "tsort",
            "unexpand",
            "uniq",
            "unlink",
            "wc",
            "yes",
        ],
    ),
    ("cpio", &["cpio"]),
    ("dash", &["dash"]),
    ("debianutils", &["run-parts"]),
    ("diffutils", &["cmp", "diff"]),
    ("dpkg", &["dpkg-deb", "dpkg-split"]),
    ("findutils", &["find", "xargs"]),
    ("grep", &["grep"]),
    ("gzip", &["gzip"]),
    ("kmod", &["kmod"]),
    ("mawk", &["mawk"]),
    ("sed", &["sed"]),
    ("tar", &["tar"]),
    ("util-linux", &["getopt", "flock"]),
    ("xz-utils", &["xz"]),
    ("zstd", &["zstd"]),
];

/// The longest list of packages that is read. Debian's own, of all sections, has 60 MiB.
const DATABASE: u64 = 512 << 20;

/// The first glibc whose loader takes `--argv0`.
const GLIBC: (u32, u32) = (2, 33);

/// Versions of the listed packages in a tree: all that it may come to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Versions(BTreeMap<String, BTreeSet<String>>);

impl Versions {
    /// What is installed, by the tree's dpkg.
    pub(crate) fn installed(tree: &Dir) -> io::Result<Versions> {
        let status = read_in_root(tree, "var/lib/dpkg/status", DatabaseKind::DpkgStatus.longest())?;
        let packages = dpkg_packages(&String::from_utf8_lossy(&status))?;
        let versions = packages
            .into_iter()
            .map(|package| PackageVersion { name: package.name, version: package.version });
        Ok(Versions::of_known_packages(versions))
    }

    /// What apt could install, by the tree's package lists.
    pub(crate) fn on_offer(tree: &Dir) -> io::Result<Versions> {
        let mut all = Vec::new();
        for name in tree.below("var/lib/apt/lists")?.names()? {
            if name.to_bytes().ends_with(b"_Packages") {
                let text = read_in_root(tree, Path::new("var/lib/apt/lists").join(os(&name)), DATABASE)?;
                all.extend(package_versions(&String::from_utf8_lossy(&text)));
            }
        }
        Ok(Versions::of_known_packages(all))
    }

    fn of_known_packages(all: impl IntoIterator<Item = PackageVersion>) -> Versions {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for PackageVersion { name, version } in all {
            if name == "libc6" || PROGRAMS.iter().any(|(known, _)| *known == name) {
                found.entry(name).or_default().insert(version);
            }
        }
        Versions(found)
    }

    /// Whether a package has versions at all, and the same here and there.
    fn agree(&self, other: &Versions, package: &str) -> bool {
        self.0.contains_key(package) && self.0.get(package) == other.0.get(package)
    }

    fn has_argv0(&self) -> bool {
        let version = self.0.get("libc6").and_then(BTreeSet::first).map(String::as_str).unwrap_or_default();
        let mut numbers = version.split(['.', '-', '+']).map_while(|word| word.parse().ok());
        numbers.next().zip(numbers.next()).is_some_and(|found| found >= GLIBC)
    }
}

/// A package of one version.
struct PackageVersion {
    name: String,
    version: String,
}

/// Name and version of each paragraph of a Packages file.
fn package_versions(text: &str) -> Vec<PackageVersion> {
    let mut found = Vec::new();
    let mut name = None;
    for line in text.lines() {
        if let Some(value) = line.strip_prefix("Package: ") {
            name = Some(value.trim().to_string());
        } else if let Some(value) = line.strip_prefix("Version: ") {
            let version = value.trim().to_string();
            found.extend(name.take().map(|name| PackageVersion { name, version }));
        }
    }
    found
}

/// A table without stand-ins: who runs what, for a tree of one architecture on a machine of the other.
pub(crate) fn empty_table(foreign: Arch, native: Arch) -> StandInTable {
    let facts = native.facts();
    StandInTable {
        arch: foreign,
        emulator: Emulator::place(foreign),
        loader: format!("{NATIVE}/root/{}", facts.dynamic_loader),
        libraries: format!("{NATIVE}/root/usr/lib/{0}:{NATIVE}/root/lib/{0}", facts.triplet),
        rows: Vec::new(),
    }
}

/// A tree, and the versions of its packages.
pub(crate) struct PackagedTree<'a> {
    pub(crate) tree: &'a Dir,
    pub(crate) versions: &'a Versions,
}

/// The stand-ins for a tree: programs of packages whose versions agree, that both trees have.
pub(crate) fn stand_ins(foreign: &PackagedTree<'_>, native: &PackagedTree<'_>) -> Vec<StandIn> {
    let mut rows = Vec::new();
    if !native.versions.has_argv0() {
        return rows;
    }
    for (package, programs) in PROGRAMS {
        if !foreign.versions.agree(native.versions, package) {
            continue;
        }
        for program in programs {
            if let (Some(theirs), Some(ours)) =
                (find_program(foreign.tree, program), find_program(native.tree, program))
            {
                let InstalledProgram { bytes, modified, .. } = theirs;
                rows.push(StandIn { name: program.to_string(), bytes, modified, program: ours.path });
            }
        }
    }
    rows
}

/// A program as it is installed in a tree.
struct InstalledProgram {
    path: String,
    bytes: u64,
    modified: i64,
}

/// The regular file of a tree that a program's name stands for, if no part of its path is a link.
fn find_program(tree: &Dir, name: &str) -> Option<InstalledProgram> {
    DIRS.iter().find_map(|dir| {
        let path = format!("{dir}/{name}");
        let found = tree.stat(path.trim_start_matches('/')).ok()??;
        (file_type(&found) == FileType::RegularFile).then_some(InstalledProgram {
            path,
            bytes: found.stx_size,
            modified: found.stx_mtime.tv_sec,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(pairs: &[(&str, &str)]) -> Versions {
        Versions::of_known_packages(
            pairs.iter().map(|(name, version)| PackageVersion {
                name: name.to_string(),
                version: version.to_string(),
            }),
        )
    }

    #[test]
    fn only_equal_versions_agree() {
        let native = versions(&[("dash", "0.5.12-2"), ("sed", "4.9-1"), ("libc6", "2.36-9+deb12u13")]);
        assert!(versions(&[("dash", "0.5.12-2")]).agree(&native, "dash"));
        assert!(!versions(&[("dash", "0.5.12-2+b1")]).agree(&native, "dash"));
        assert!(!versions(&[("dash", "0.5.12-2"), ("dash", "0.5.12-3")]).agree(&native, "dash"));
        assert!(!versions(&[]).agree(&versions(&[]), "dash"));
        assert!(native.has_argv0());
        assert!(!versions(&[("libc6", "2.31-13+deb11u11")]).has_argv0());
    }

    #[test]
    fn packages_files_are_read() {
        let text = "Package: dash\nEssential: yes\nVersion: 0.5.12-2\nDescription: a shell\n Version: none\n\nPackage: sed\nVersion: 4.9-1\n";
        assert_eq!(
            Versions::of_known_packages(package_versions(text)),
            versions(&[("dash", "0.5.12-2"), ("sed", "4.9-1")])
        );
    }

    #[test]
    fn programs_that_tell_the_architecture_are_not_listed() {
        let all: Vec<&str> = PROGRAMS.iter().flat_map(|(_, programs)| programs.iter().copied()).collect();
        for name in [
            "uname",
            "arch",
            "dpkg",
            "dpkg-query",
            "dpkg-architecture",
            "bash",
            "perl",
            "python3",
            "ldconfig",
            "ldd",
        ] {
            assert!(!all.contains(&name), "{name}");
        }
    }
}
