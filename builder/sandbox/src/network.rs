//! A hook's network: the building machine's, or one of its own in which there is nobody else.
//!
//! In: what was declared. Out: this process in its network namespace. Never: an interface that leads out of such a namespace.
//!
//! A network namespace (`network_namespaces(7)`) also has its own abstract unix sockets. `/etc/resolv.conf` stays as it is: the
//! servers that it names are not reached.

use dibber_model::Network;
use rustix::thread::UnshareFlags;

use crate::error::{Context, SandboxError};
use crate::{kernel, mounts, remedy};

/// Enters a network namespace of its own where that is wanted. Its loopback is up, for programs that talk to themselves.
pub(crate) fn enter(network: Network) -> Result<(), SandboxError> {
    if network == Network::Host {
        return Ok(());
    }
    kernel::unshare(UnshareFlags::NEWNET).map_err(|e| SandboxError::Missing(remedy::network_refused(&e)))?;
    kernel::loopback_up().context("bring up the loopback interface")
}

/// Shows the hook the interfaces of its own network in /sys. Where the kernel does not mount it, because parts of /sys are
/// covered as containers do, the host's stays: names of interfaces are seen there, which lead nowhere.
pub(crate) fn show(network: Network) -> Result<(), SandboxError> {
    if network == Network::Host {
        return Ok(());
    }
    mounts::sysfs().map_or(Ok(()), |own| mounts::place(&own, "/sys"))
}
