//! The image's own `/etc/resolv.conf` while the machine's has its place, as dib's `create_base` saves it after root.d.
//!
//! In: the tree that root.d made. Out: the same under dib's published name, which hooks may change: what is there at the end is the
//! image's (see `capture::resolv_conf`). Never: a copy of this machine's.

use std::io;

use dibber_fs::{Dir, file_type};
use rustix::fs::FileType;

use super::TREE;

/// dib's name for it, in the tree's /etc.
pub(crate) const ORIGINAL: &str = "resolv.conf.ORIG";

const PLACE: &str = "resolv.conf";

/// Longer files hold no name servers.
const LONGEST: u64 = 64 << 10;

/// Saves it: a file or a link, wherever that leads.
pub(super) fn save(build_dir: &Dir) -> io::Result<()> {
    let Ok(etc) = build_dir.below(TREE).and_then(|tree| tree.below("etc")) else { return Ok(()) };
    match etc.stat(PLACE)?.as_ref().map(file_type) {
        Some(FileType::RegularFile) => {
            let text = etc.read(PLACE, LONGEST).unwrap_or_default();
            match dibber_sandbox::is_lent(&text) {
                true => etc.remove_file(PLACE),
                false => etc.rename(PLACE, &etc, ORIGINAL),
            }
        }
        Some(FileType::Symlink) => etc.rename(PLACE, &etc, ORIGINAL),
        _ => Ok(()),
    }
}
