//! A tree as squashfs, through mksquashfs, which reads it as a tar stream.
//!
//! In: a tree and its files. Out: an image that keeps owners, modes, times, capabilities and labels. Never: a copy of the
//! tree on disk, or a time that is not the tree's.

use std::path::Path;
use std::process::Stdio;

use dibber_model::{InodeId, Kind, Tree};

use super::source::Files;
use super::tar::{Stream, name_of, tar};
use super::tool::Tool;
use super::{LeftOut, PourError};

const MKSQUASHFS: Tool =
    Tool { program: "mksquashfs", package: "squashfs-tools (4.5 or later)", version_flag: "-version" };

/// The choices of a squashfs image.
#[derive(Clone, Copy, Debug)]
pub struct Squashfs<'a> {
    /// The file to make; one that is there is replaced.
    pub path: &'a Path,
    /// Compressor, by mksquashfs's name: gzip, zstd, xz, lz4 ...
    pub compressor: &'a str,
    /// Time of creation in its superblock, in seconds since 1970.
    pub epoch: u32,
    /// Processors to use; the bytes do not depend on it.
    pub threads: usize,
}

/// Makes the image, and tells mksquashfs's version and what squashfs cannot hold: sockets (they do not pass tar), POSIX
/// ACLs and other `system.` attributes, and attributes of the root directory.
pub fn squashfs(
    tree: &Tree,
    files: &dyn Files,
    image: Squashfs<'_>,
) -> Result<(String, Vec<LeftOut>), PourError> {
    let fail = |source| PourError::Tool { path: image.path.to_path_buf(), source };
    let version = MKSQUASHFS.version().map_err(fail)?;
    let root = &tree.inode(InodeId::ROOT).meta;
    let mut command = MKSQUASHFS.command();
    command.arg("-").arg(image.path).args(["-tar", "-noappend", "-no-progress", "-quiet"]);
    for (flag, value) in [
        ("-comp", image.compressor.to_string()),
        ("-mkfs-time", image.epoch.to_string()),
        ("-processors", image.threads.max(1).to_string()),
        // tar has an entry for the root, but mksquashfs takes the root from these.
        ("-root-mode", format!("{:o}", root.mode)),
        ("-root-uid", root.uid.to_string()),
        ("-root-gid", root.gid.to_string()),
        ("-root-time", u32::try_from(root.mtime.secs.max(0)).unwrap_or(u32::MAX).to_string()),
    ] {
        command.arg(flag).arg(value);
    }
    let mut running = MKSQUASHFS.start(command.stdin(Stdio::piped())).map_err(fail)?;
    let mut pipe = running.stdin.take().expect("standard input was asked for as a pipe");
    let fed = tar(tree, files, Stream { to: &mut pipe, path: image.path });
    drop(pipe);
    // Its own words say more than our broken pipe.
    let mut left_out = match (MKSQUASHFS.finish(running), fed) {
        (Err(source), Err(PourError::Write { .. })) | (Err(source), Ok(_)) => return Err(fail(source)),
        (_, fed) => fed?,
    };
    left_out.extend(unheld(tree));
    Ok((version, left_out))
}

/// Attributes that squashfs has no place for (fs/squashfs/xattr_id.c: user, trusted and security only).
fn unheld(tree: &Tree) -> Vec<LeftOut> {
    let mut found = Vec::new();
    for (path, id) in tree.walk() {
        let inode = tree.inode(id);
        if inode.kind == Kind::Socket {
            continue;
        }
        for xattr in &inode.meta.xattrs {
            let held = ["user.", "trusted.", "security."].iter().any(|p| xattr.name.starts_with(p.as_bytes()));
            if !held || id == InodeId::ROOT {
                let what = format!("the attribute {}, which squashfs cannot hold", String::from_utf8_lossy(&xattr.name));
                found.push(LeftOut { path: name_of(path.clone()), what });
            }
        }
    }
    found
}
