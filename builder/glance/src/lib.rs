//! A set put into Glance: found, compared by Glance's own hash, sent whole, checked, and only then named.
//!
//! In: a directory with `images.json`, and a cloud of `clouds.yaml` or `OS_*`. Out: images in Glance. Never: a half-sent upload
//! continued, a name given to what was not checked, a secret in a message.
#![forbid(unsafe_code)]

mod auth;
mod cloud;
mod clouds;
mod decide;
mod desired;
mod environment;
mod error;
mod hashes;
mod http;
mod images;
mod pages;
mod print;
mod transfer;
mod upload;

pub use cloud::Cloud;
pub use clouds::CloudEnvironment;
pub use desired::{Choice, DesiredImage, FileLeft, Formats, Member, Pair, members};
pub use error::GlanceError;
pub use images::Glance;
pub use print::{ironic_settings, openstack_script};
pub use upload::{Settings, Upload, UploadOutcome, Uploaded};

/// Who is told how far an upload is.
pub trait Progress {
    /// A stage of the work, on so many bytes, begins.
    fn started(&self, stage: &str, bytes: u64);
    /// So many bytes of the stage are done.
    fn advanced(&self, bytes: u64);
    /// The stage ended, after so many seconds.
    fn finished(&self, stage: &str, seconds: f64);
    /// Something that people should know and that stops nothing.
    fn warned(&self, text: &str);
}
