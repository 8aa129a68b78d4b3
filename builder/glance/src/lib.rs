//! A set put into Glance: found, compared by Glance's own hash, sent whole, checked, and only then named.
//!
//! `openstack image create` sends a file and leaves the rest to whoever calls it: whether the image is there already, whether it arrived whole,
//! which kernel a disk goes with. Nodes pick images by name, so a name is given only to what was compared with the file's own hash.
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
mod service_words;
mod set_image;
mod transfer;
mod trust;
mod upload;

pub use cloud::Cloud;
pub use clouds::CloudEnvironment;
pub use desired::{Choice, DesiredImage, FileLeft, Formats, Member, Pair};
pub use error::GlanceError;
pub use images::Glance;
pub use print::{ironic_settings, openstack_script};
pub use set_image::members;
pub use upload::{Settings, Upload, UploadOutcome, Uploaded};

/// Who hears how far an upload is.
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
