//! The home directory of what runs outside of the tree: each hook's own, and nothing of the person's.
//!
//! In: nothing. Out: /root. Never: what a hook finds in the tree's /root.

use std::path::Path;

use dibber_fs::Dir;

use crate::error::{Context, SandboxError};
use crate::mounts;

/// Whose owner rpm must not set. A package `filesystem` has the mount points of the kernel's file systems, which hooks mount in the tree
/// before they install it (dib's `yum-minimal/root.d/08-yum-chroot`), and whose owner in a user namespace is nobody. mock sets the same
/// (`%_netsharedpath` of rpm's `macros`).
const RPM_MACROS: &str = "%_netsharedpath /dev:/proc:/sys\n";

/// Makes it.
pub(super) fn make() -> Result<(), SandboxError> {
    mounts::place(&mounts::memory("0700")?, "/root")?;
    let home = Dir::open(Path::new("/root")).context("open /root")?;
    home.write_new(".rpmmacros", RPM_MACROS.as_bytes(), 0o600).context("write /root/.rpmmacros")
}
