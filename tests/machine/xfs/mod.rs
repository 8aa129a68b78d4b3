//! xfs before foreign judges: xfs_repair, xfs_db, xfs_growfs, the kernel, and GRUB.
//!
//! In: trees on memory and in files. Out: what the judges say. Never: our own reader. Mounting needs root and a kernel
//! with loop devices and xfs.

// A list of one range is what is meant where it stands.
#![allow(clippy::single_range_in_vec_init)]

mod generated;
mod growth;
mod large;
mod lived_in;
mod refusals;
mod sizes;
mod whole;

use std::path::{Path, PathBuf};

use dibber_format::xfs::{XfsParams, write};
use dibber_model::filesystem::XfsOptions;
use dibber_model::{Extents, Kind, Piece, Rdev, SectorSize, Seed, Timestamp, Tree};
use dibber_tests::{accepts, run, write_image};

use crate::ext4::compare::{Mounted, Ways, equal_below};
use crate::ext4::trees;

/// The least length of any xfs.
const LEAST: u64 = 300 << 20;

/// Names and times of the test filesystems.
fn params() -> XfsParams {
    XfsParams {
        label: "twelve bytes".into(),
        uuid: Seed::from_names(["xfs tests"]).uuid("filesystem", 0),
        epoch: Timestamp { secs: 1_700_000_000, nanos: 123_456_789 },
        sector: SectorSize::B512,
        options: XfsOptions::default(),
    }
}

/// The tree of ext4's tests, with links and devices that xfs can hold.
fn everything() -> Tree {
    let mut tree = trees::everything();
    let mut kind = |name: &str, kind: Kind| {
        let id = tree.lookup(name.as_bytes()).expect("it is there");
        tree.inode_mut(id).kind = kind;
    };
    kind("symlink-4094", Kind::Symlink([b'a'; 1022].into()));
    kind("symlink-4095", Kind::Symlink([b'z'; 300].into()));
    kind("char-most", Kind::CharDev(Rdev { major: 511, minor: (1 << 18) - 1 }));
    tree
}

fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

/// What xfs_repair says besides its phases.
fn remarks(said: &str) -> Vec<&str> {
    let known = |line: &str| {
        line.is_empty()
            || line.starts_with("Phase ")
            || line.starts_with("        - ")
            || line.starts_with("No modify flag set")
            // It asks the file system that the image lies on for its sectors, and that is not xfs.
            || line.starts_with("Cannot get host filesystem geometry")
            || line.starts_with("Repair may fail if there is a sector size mismatch")
            || line.starts_with("the image and the host filesystem")
    };
    said.lines().filter(|line| !known(line)).collect()
}

/// xfs_repair must find nothing to say.
fn check(image: &Path) {
    let said = accepts("xfs_repair", &["-n", "-f", text(image)]);
    let odd = remarks(&said);
    assert!(odd.is_empty(), "xfs_repair remarks: {odd:#?}");
}

/// xfs_repair must find something to say.
fn is_damaged(image: &Path, what: &str) {
    let output = run("xfs_repair", &["-n", "-f", text(image)]);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() || !remarks(&said).is_empty(), "{what} is damaged and passes:\n{said}");
}

/// Writes an image of `len` bytes into `dir`, and has xfs_repair judge it.
fn image(dir: &Path, (tree, files): (&Tree, &[PathBuf]), params: &XfsParams, len: u64) -> PathBuf {
    let extents = write(tree, params, len).expect("the tree fits");
    assert_eq!(extents.len(), len);
    let path = dir.join("xfs.img");
    write_image(&extents, files, &path);
    check(&path);
    path
}

/// The same without the content of files on disk, which no checker of metadata reads: quick at any size.
fn skeleton(dir: &Path, tree: &Tree, params: &XfsParams, len: u64) -> PathBuf {
    let extents = write(tree, params, len).expect("the tree fits");
    let metadata =
        extents.iter().filter(|extent| matches!(extent.piece, Piece::Bytes { .. })).cloned().collect();
    let path = dir.join("skeleton.img");
    write_image(&Extents::new(len, metadata).expect("they were extents before"), &[], &path);
    check(&path);
    path
}

/// Mounted read-only; all images of these tests have one UUID.
fn mounted(image: &Path) -> Mounted {
    Mounted::of("xfs", image, "loop,ro,nouuid")
}

/// Mounts an image and compares everything that the kernel tells about it with the tree.
fn equal(image: &Path, tree: (&Tree, &[PathBuf]), params: &XfsParams) {
    let ways = Ways {
        epoch: params.epoch,
        lost_found: false,
        most_links: u64::MAX,
        // xfs keeps ACLs in the root's namespace, and shows root both names.
        shown_twice: &[b"trusted.SGI_ACL_FILE", b"trusted.SGI_ACL_DEFAULT"],
    };
    equal_below(&mounted(image), tree, &ways);
}

/// A field of the superblock, as xfs_db prints it.
fn superblock(image: &Path, field: &str) -> String {
    let said = accepts("xfs_db", &["-r", "-f", "-c", "sb 0", "-c", &format!("print {field}"), text(image)]);
    let value = said.trim().strip_prefix(&format!("{field} = ")).unwrap_or_else(|| panic!("{field}: {said}"));
    value.to_owned()
}
