//! The files of a set: checked, replaced whole, described, committed by one rename.
//!
//! One image comes out as several files, each with a sidecar that describes it, and others read them while a build replaces them. So a build's
//! files appear all at once or not at all: `images.json` names the set that is whole at any moment, each file by its digest.
//!
//! In: files in a stage directory. Out: the same files under their names, with sidecars, sums and `images.json`. Never: a
//! file of somebody else's overwritten, or half a set trusted.
#![forbid(unsafe_code)]

mod commit;
mod error;
mod foreign;
mod lock;
pub mod members;
mod mend;
mod names;
mod place;
mod seen;
mod set;
mod sidecar;
mod stage;
mod sums;
mod switch;
mod word;

pub use commit::{BuiltSet, MadeFile, commit};
pub use error::OutputError;
use error::file_error;
pub use foreign::{LOG, refuse_log};
pub use mend::SetStatus;
pub use mend::{describe_again, standing};
pub use names::own as own_name;
pub use seen::Seen;
pub use set::{FileEntry, SetEntry, SetFile};
pub use sidecar::beside as sidecar_bytes;
pub use sidecar::{
    ArchiveFacts, DiskFacts, FilesystemFacts, PartitionFacts, Sidecar, StructureFacts, VolumeFacts,
    VolumeGroupFacts, sidecar_of,
};
pub use stage::Stage;
pub use switch::{Switch, settle};
pub use word::{SetWord, Worded};
