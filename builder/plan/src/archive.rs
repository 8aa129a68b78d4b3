//! The package archive of an image.
//!
//! In: an image file and the variables. Out: mirrors, a point in time, proxies. Never: a request.

use alloc::string::String;
use serde::{Deserialize, Serialize};

use crate::proxies::Proxies;

/// How this image relates to its package archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// Mirror of the main archive.
    pub mirror: Option<String>,
    /// A point in time of snapshot.debian.org's naming (`20261101T000000Z`), if pinned.
    pub snapshot: Option<String>,
    /// Whether the security suite is used, and from where if not the distribution's usual host.
    pub security: Option<String>,
    /// Proxies, for the archive and for hooks. Never in a step id, sidecar or log with their passwords.
    pub proxies: Proxies,
}
