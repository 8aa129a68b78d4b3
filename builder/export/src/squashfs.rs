//! A tree as squashfs, through mksquashfs, which reads it as a tar stream.
//!
//! In: a tree and its files. Out: an image that keeps owners, modes, times, capabilities and labels. Never: a copy of the
//! tree on disk, or a time that is not the tree's.

use std::path::Path;
use std::process::Stdio;

use dibber_model::{InodeId, Timestamp, Tree};

use super::files::Files;
use super::tar::{Form, NamedWriter, absolute_path, write_members};
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
    /// Time of creation, in seconds since 1970: of the superblock and the root directory; later times become it.
    pub epoch: u32,
    /// Processors to use; the bytes do not depend on it.
    pub threads: usize,
}

/// Makes the image, and tells mksquashfs's version and what the image does not hold: sockets (they do not pass tar), POSIX
/// ACLs and other `system.` attributes, owner and attributes of the root directory. Times are whole seconds.
pub fn write_squashfs(
    tree: &Tree,
    files: &dyn Files,
    image: Squashfs<'_>,
) -> Result<(String, Vec<LeftOut>), PourError> {
    let fail = |source| PourError::Tool { path: image.path.to_path_buf(), source };
    let version = MKSQUASHFS.version().map_err(fail)?;
    let (tree, mut left_out) = representable(tree);
    let mut command = MKSQUASHFS.command();
    command.arg("-").arg(image.path).args(["-tar", "-noappend", "-no-progress", "-quiet"]);
    command.args(["-comp", image.compressor, "-processors", &image.threads.max(1).to_string()]);
    // tar has an entry for the root, but mksquashfs 4.5 skips it: it takes the mode from here, the time from the clock
    // unless the epoch is earlier, and the owner from nowhere. (-mkfs-time does not go with the variable.)
    command.arg("-root-mode").arg(format!("{:o}", tree.inode(InodeId::ROOT).meta.mode));
    command.env("SOURCE_DATE_EPOCH", image.epoch.to_string());
    let mut running = MKSQUASHFS.start(command.stdin(Stdio::piped())).map_err(fail)?;
    let mut pipe = running.stdin.take().expect("standard input was asked for as a pipe");
    let stream = NamedWriter { to: &mut pipe, path: image.path };
    let fed = write_members(&tree, files, stream, Form::LAYER);
    drop(pipe);
    // Its own words say more than our broken pipe.
    match (MKSQUASHFS.finish(running), fed) {
        (Err(source), Err(PourError::Write { .. }) | Ok(_)) => Err(fail(source)),
        (_, fed) => {
            left_out.extend(fed?);
            Ok((version, left_out))
        }
    }
}

/// The tree as squashfs can hold it, and what is missing of it. Attributes are user, trusted and security only
/// (fs/squashfs/xattr_id.c), times unsigned 32-bit seconds.
fn representable(tree: &Tree) -> (Tree, Vec<LeftOut>) {
    let (mut held, mut left_out) = (tree.clone(), Vec::new());
    for (path, id) in tree.walk() {
        let inode = held.inode_mut(id);
        let path = absolute_path(&path);
        let mut leave = |what: String| left_out.push(LeftOut { path: path.clone(), what });
        if id == InodeId::ROOT && (inode.meta.uid, inode.meta.gid) != (0, 0) {
            leave(format!("the owner {}:{} of the root directory", inode.meta.uid, inode.meta.gid));
        }
        inode.meta.xattrs.retain(|xattr| {
            let known =
                ["user.", "trusted.", "security."].iter().any(|p| xattr.name.starts_with(p.as_bytes()));
            let keep = known && id != InodeId::ROOT;
            if !keep {
                leave(format!("the attribute {}", String::from_utf8_lossy(&xattr.name)));
            }
            keep
        });
        let secs = inode.meta.mtime.secs;
        let fits = secs.clamp(0, i64::from(u32::MAX));
        if fits != secs {
            leave(format!("the time {secs}, outside of 1970 to 2106"));
        }
        inode.meta.mtime = Timestamp::from_secs(fits);
    }
    (held, left_out)
}
