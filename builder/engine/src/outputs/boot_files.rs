//! The kernel and the initial ramdisk as files of their own, for machines that are started by the network.
//!
//! In: a captured tree and its newest kernel. Out: extents of each. Never: a ramdisk of another kernel.

use dibber_model::{Extent, Extents, InodeId, Kind, Piece, Source, Tree};
use dibber_plan::output::{OutputKind, OutputOrigin};

use super::SetFacts;
use crate::error::BuildError;

/// A file made of one file of the tree: kernel or ramdisk.
pub(crate) struct BootFile {
    pub(super) kind: OutputKind,
    pub(super) extents: Extents,
}

/// The kernel and the ramdisk, where they are wanted. One that is wanted and missing is an error.
pub(crate) fn boot_files(facts: &SetFacts<'_>, tree: &Tree) -> Result<Vec<BootFile>, BuildError> {
    let mut boot_files = Vec::new();
    for kind in facts.outputs() {
        let origin = kind.origin();
        if !matches!(origin, OutputOrigin::Kernel | OutputOrigin::Initrd) {
            continue;
        }
        let kernel = facts.kernel.as_ref().ok_or(BuildError::NoKernel)?;
        if !kernel.has_modules {
            return Err(BuildError::NoModules { release: kernel.release.clone() });
        }
        let id = match origin {
            OutputOrigin::Kernel => kernel.vmlinuz,
            _ => kernel.initrd.ok_or_else(|| BuildError::NoInitrd { release: kernel.release.clone() })?,
        };
        boot_files.push(BootFile { kind, extents: extents_of(tree, id)? });
    }
    Ok(boot_files)
}

fn extents_of(tree: &Tree, id: InodeId) -> Result<Extents, BuildError> {
    let Kind::File(content) = &tree.inode(id).kind else { return Ok(Extents::hole(0)) };
    let pieces = content.data.iter().map(|range| Extent {
        at: range.start,
        piece: match &content.source {
            Source::Inline(bytes) => {
                Piece::Bytes { buffer: bytes.clone(), range: range.start as usize..range.end as usize }
            }
            Source::File(file) => {
                Piece::File { file: *file, offset: range.start, len: range.end - range.start }
            }
        },
    });
    Ok(Extents::new(content.len, pieces.collect())?)
}
