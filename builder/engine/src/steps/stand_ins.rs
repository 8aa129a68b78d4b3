//! What steps ask of the native programs that stand in for foreign ones.
//!
//! In: a tree as it is now. Out: what may stand in there. Never: how such programs came to be: they are made by steps themselves, so
//! steps do not know them but by this.

use std::io;

use dibber_fs::Dir;
use dibber_sandbox::NativePrograms;
use dibber_store::{Session, StoreError};

/// Native programs for the hooks of a foreign tree.
pub(crate) trait StandIns {
    /// Compares what their files hold with what was written: before one of them runs.
    fn compare(&self, session: &Session) -> Result<(), StoreError>;

    /// What may stand in within a tree as it is now. In a tree without packages, nothing may yet.
    fn within(&self, theirs: &Dir) -> io::Result<NativePrograms>;
}
