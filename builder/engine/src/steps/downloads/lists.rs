//! Which packages a tree's own lists name, and by which digest.
//!
//! In: the lists that apt keeps in a tree. Out: of the packages that are kept, those that apt would accept, under apt's names.
//! Never: a reader that trusts the lists: hooks of the tree may have written them, but only they are misled. Lists that apt was told
//! to keep compressed are not read, and what they name is downloaded.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use dibber_fs::{Dir, os};
use dibber_model::{Digest, Hasher};

/// Where apt keeps its lists.
const LISTS: &str = "var/lib/apt/lists";

/// No more of all lists is read, in bytes: those of Debian with every suite and architecture are half as much.
const MOST: u64 = 1 << 30;

/// A line longer than this, in bytes, is read in pieces, none of which means anything.
const LONGEST_LINE: u64 = 64 << 10;

/// What one list looks like: while this stays, its content does.
#[derive(PartialEq, Eq)]
struct ListStamp {
    name: String,
    bytes: u64,
    modified: i64,
    inode: u64,
}

/// What lists say, with what they looked like.
pub(super) struct ListedPackages {
    /// What the lists looked like, and which packages were kept, when they were read.
    read: Vec<ListStamp>,
    kept: Digest,
    packages: BTreeMap<String, Digest>,
}

impl ListedPackages {
    /// Reads a tree's lists, unless they and what is kept are what they were. A tree without lists wants nothing.
    pub(super) fn read_from(
        tree: &Dir,
        kept: &BTreeMap<Digest, String>,
        before: Option<ListedPackages>,
    ) -> io::Result<ListedPackages> {
        let mut all = Hasher::new("kept packages");
        for digest in kept.keys() {
            all.digest(*digest);
        }
        let all = all.finish();
        let mut stamps = Vec::new();
        let Ok(dir) = tree.below(LISTS) else {
            return Ok(ListedPackages { read: stamps, kept: all, packages: BTreeMap::new() });
        };
        let mut names = Vec::new();
        for name in dir.names()? {
            let Some(found) = dir.entry(&name).statx()? else { continue };
            if let Some(text) = name.to_str().ok().filter(|text| text.ends_with("_Packages")) {
                stamps.push(ListStamp {
                    name: text.into(),
                    bytes: found.stx_size,
                    modified: found.stx_mtime.tv_sec,
                    inode: found.stx_ino,
                });
                names.push(name);
            }
        }
        if let Some(before) = before.filter(|before| before.kept == all && before.read == stamps) {
            return Ok(before);
        }
        let mut packages = BTreeMap::new();
        let mut left = MOST;
        for name in names {
            // A list that cannot be read offers nothing.
            let Ok(file) = dir.file(os(&name)) else { continue };
            read_list(file.take(left), kept, &mut packages)?;
            left = left.saturating_sub(dir.entry(&name).statx()?.map_or(0, |found| found.stx_size));
        }
        Ok(ListedPackages { read: stamps, kept: all, packages })
    }

    /// Names of files, as apt looks for them, with the digests that they must have.
    pub(super) fn packages(&self) -> &BTreeMap<String, Digest> {
        &self.packages
    }
}

/// One paragraph of a list (deb-control(5)), as far as it matters.
#[derive(Default)]
struct Paragraph {
    package: String,
    version: String,
    arch: String,
    sum: Option<Digest>,
}

fn read_list(
    file: io::Take<File>,
    kept: &BTreeMap<Digest, String>,
    packages: &mut BTreeMap<String, Digest>,
) -> io::Result<()> {
    let mut file = BufReader::with_capacity(1 << 18, file);
    let (mut line, mut at) = (Vec::new(), Paragraph::default());
    loop {
        line.clear();
        let more = (&mut file).take(LONGEST_LINE).read_until(b'\n', &mut line)? > 0;
        let text = line.trim_ascii_end();
        if text.is_empty() {
            let at = std::mem::take(&mut at);
            if let Some(sum) = at.sum.filter(|sum| kept.contains_key(sum)) {
                packages.insert(at.file_name(), sum);
            }
            if !more {
                return Ok(());
            }
        }
        let value = |name: &[u8]| Some(String::from_utf8_lossy(text.strip_prefix(name)?).trim().to_string());
        if let Some(found) = value(b"Package:") {
            at.package = found;
        } else if let Some(found) = value(b"Version:") {
            at.version = found;
        } else if let Some(found) = value(b"Architecture:") {
            at.arch = found;
        } else if let Some(found) = value(b"SHA256:") {
            at.sum = Digest::try_from(found).ok();
        }
    }
}

impl Paragraph {
    /// As `pkgAcqArchive` of apt composes it (apt-pkg/acquire-item.cc): what would be misread is quoted.
    fn file_name(&self) -> String {
        let [package, version] = [&self.package, &self.version].map(|text| quoted(text, "_:"));
        let arch = quoted(&self.arch, "_:.");
        format!("{package}_{version}_{arch}.deb")
    }
}

/// `QuoteString` of apt (apt-pkg/contrib/strutl.cc).
fn quoted(text: &str, bad: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match bad.contains(c) || c == '%' || c == '/' || c <= ' ' || c == '\x7f' {
            true => out += &format!("%{:02x}", u32::from(c)),
            false => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn lists_name_packages_that_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let lists = dir.path().join(LISTS);
        fs::create_dir_all(&lists).unwrap();
        let (here, other) = (Digest::of(b"here"), Digest::of(b"other"));
        let text = format!(
            "Package: gcc-12\nArchitecture: all\nVersion: 1:12.2~0+b1\nFilename: pool/x.deb\nSHA256: {here}\n\n\
             Package: evil\nVersion: 1/../2\nArchitecture: amd64\nSHA256: {here}\n\n\
             Package: none\nVersion: 1\nArchitecture: all\nSHA256: {other}\n"
        );
        fs::write(lists.join("mirror_main_Packages"), text).unwrap();
        let kept = BTreeMap::from([(here, format!("{here}-x"))]);
        let tree = Dir::open(dir.path()).unwrap();
        let wanted = ListedPackages::read_from(&tree, &kept, None).unwrap();
        let names: Vec<_> = wanted.packages().keys().map(String::as_str).collect();
        assert_eq!(names, ["evil_1%2f..%2f2_amd64.deb", "gcc-12_1%3a12.2~0+b1_all.deb"]);
        let again = ListedPackages::read_from(
            &tree,
            &kept,
            Some(ListedPackages { packages: BTreeMap::new(), ..wanted }),
        );
        assert_eq!(again.unwrap().packages().len(), 0, "lists that did not change are not read again");
    }
}
