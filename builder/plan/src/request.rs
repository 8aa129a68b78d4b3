//! What a person or a front end asks for, beside the image files; it wins over them.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use dibber_model::{Arch, Bytes, Platform, Target};

use crate::compression::Qcow2Compression;
use crate::output::OutputKind;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Names of images; none means every image of the files.
    pub images: Vec<String>,
    /// The architecture of this machine: for an image that names none.
    pub host: Arch,
    /// Architectures among the image's targets, or instead of its own.
    pub arches: Vec<Arch>,
    /// Platforms of these architectures.
    pub platforms: Vec<Platform>,
    /// Targets by name, beside those pairs.
    pub targets: Vec<Target>,
    /// Everything that the image is built for.
    pub all_targets: bool,
    /// Further elements, after the image's.
    pub elements: Vec<String>,
    /// Further packages.
    pub packages: Vec<String>,
    /// Variables (`-e`), over the image's.
    pub variables: BTreeMap<String, String>,
    /// Outputs, instead of the image's.
    pub outputs: Vec<OutputKind>,
    /// A layout by name, instead of the image's.
    pub layout: Option<String>,
    /// Size of the disk, instead of the image's.
    pub size: Option<Bytes>,
    /// Compression, instead of the image's.
    pub compression: Option<Qcow2Compression>,
    /// Mirror, instead of the image's.
    pub mirror: Option<String>,
    /// Names of files that are the image's alone, as dib's are.
    pub plain_names: bool,
    /// Leaves the element base out.
    pub skip_base: bool,
    /// `SOURCE_DATE_EPOCH`, in seconds.
    pub epoch: Option<i64>,
}

impl Request {
    /// Asks for every image as its file says, on a machine of this architecture.
    pub fn on(host: Arch) -> Self {
        Request {
            images: Vec::new(),
            host,
            arches: Vec::new(),
            platforms: Vec::new(),
            targets: Vec::new(),
            all_targets: false,
            elements: Vec::new(),
            packages: Vec::new(),
            variables: BTreeMap::new(),
            outputs: Vec::new(),
            layout: None,
            size: None,
            compression: None,
            mirror: None,
            plain_names: false,
            skip_base: false,
            epoch: None,
        }
    }
}
