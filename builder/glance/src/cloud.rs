//! A cloud that can be asked, and the entry that describes one.
//!
//! In: what was read of a cloud. Out: types. Never: a secret in what `Debug` prints.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// A text that is printed in no message and no log.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(pub(super) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A cloud, and who we are to it.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// Where this was read: `cloud NAME of FILE`, or `OS_*`.
    pub(super) origin: String,
    /// How we say who we are.
    pub(super) auth: Auth,
    /// Region of the catalog; without it, the first that has images.
    pub(super) region: Option<String>,
    /// `public`, `internal` or `admin`.
    pub(super) interface: String,
    /// Where Glance is, whatever the catalog says.
    pub(super) endpoint: Option<String>,
    /// Whether certificates are checked.
    pub(super) verify: bool,
    /// Certificates to trust instead of the system's.
    pub(super) cacert: Option<PathBuf>,
}

/// How we say who we are.
#[derive(Clone, Debug)]
pub(super) enum Auth {
    /// Not at all; the endpoint is given.
    None,
    /// A token that is given, for an endpoint that is given.
    Token(Secret),
    /// Keystone v3 is asked for a token.
    Keystone {
        /// Its address, as given.
        url: String,
        /// `auth.identity` and `auth.scope` of the request.
        request: Secret,
        /// What the request holds that must be kept secret.
        secrets: Vec<Secret>,
    },
}

impl Cloud {
    /// Whether certificates are checked.
    pub fn is_verified(&self) -> bool {
        self.verify
    }
}

/// One cloud, as it is written. Keys that do not matter to images are let be.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct CloudEntry {
    pub(super) profile: Option<String>,
    pub(super) auth_type: Option<String>,
    pub(super) auth: BTreeMap<String, Option<String>>,
    pub(super) region_name: Option<String>,
    pub(super) interface: Option<String>,
    pub(super) endpoint_type: Option<String>,
    pub(super) image_endpoint_override: Option<String>,
    pub(super) cacert: Option<String>,
    pub(super) cert: Option<String>,
    pub(super) key: Option<String>,
    pub(super) verify: Option<bool>,
    pub(super) insecure: Option<bool>,
}
