//! The files of a set: checked, replaced whole, described, committed by one rename.
//!
//! In: files in a stage directory. Out: the same files under their names, with sidecars, sums and `images.json`. Never: a
//! file of somebody else's overwritten, or half a set trusted.
#![forbid(unsafe_code)]

mod check;
mod commit;
mod error;
mod foreign;
mod lock;
pub mod members;
mod mend;
mod names;
mod packages;
mod place;
mod seen;
mod set;
mod sidecar;
mod stage;
mod sums;
mod switch;
mod word;

pub use commit::{Made, MadeFile, commit};
pub use error::OutputError;
use error::at;
pub use foreign::{LOG, refuse_log};
pub use mend::Standing;
pub use mend::{describe_again, standing};
pub use names::own as own_name;
pub use packages::installed;
pub use packages::{LONGEST as LONGEST_DATABASE, spoilt};
pub use packages::{Package, dpkg_packages};
pub use seen::Seen;
pub use set::{FileEntry, SetEntry, SetFile};
pub use sidecar::beside as sidecar_bytes;
pub use sidecar::{
    ArchiveFacts, DiskFacts, FilesystemFacts, PartitionFacts, Sidecar, StructureFacts, sidecar_of,
};
pub use stage::Stage;
pub use switch::{Switch, settle};
pub use word::{SetWord, Worded};
