//! Everything that was read, once, before planning.
//!
//! In: nothing; crate `build` fills it. Out: element directories, image files and layouts as values. Never: a second look
//! at the disk.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use dibber_model::Digest;
use serde::{Deserialize, Serialize};

/// Where the bytes of an element's file are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// Here: every file of up to 1 MiB.
    Inline(Arc<[u8]>),
    /// At this path, for larger ones.
    OnDisk(String),
}

/// One entry of an element directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// A regular file.
    File {
        /// Whether any execute bit is set: of most files no other bit matters, and of none the owner or the time.
        executable: bool,
        /// Digest of the content.
        digest: Digest,
        /// The content.
        body: Body,
    },
    /// A symbolic link and its target, as it is.
    Symlink(String),
    /// A directory.
    Dir,
}

/// An element directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElementSource {
    /// Its name: the last part of its real path.
    pub name: String,
    /// Where it was found, for messages: a path, or `built in`.
    pub origin: String,
    /// Its entries by path relative to the element (`install.d/10-ssh`), parents included.
    pub entries: BTreeMap<String, Entry>,
    /// Modes of entries that somebody made other than 0644 and 0755, as images are to have them; and under the empty path that of
    /// the element itself where it is closed to others, so that modes in it cannot be told from those of a umask.
    pub modes: BTreeMap<String, u32>,
}

impl ElementSource {
    /// The mode that a file or directory of an image has.
    pub fn mode(&self, path: &str) -> Option<u32> {
        let plain = match self.entries.get(path)? {
            Entry::File { executable: false, .. } => 0o644,
            Entry::File { .. } | Entry::Dir => 0o755,
            Entry::Symlink(_) => return None,
        };
        Some(self.modes.get(path).copied().unwrap_or(plain))
    }

    /// The text of a file, if there is one of that path and it is UTF-8.
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.entries.get(path)? {
            Entry::File { body: Body::Inline(bytes), .. } => core::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}

/// What a person should know of elements whose static files have the modes of a umask.
pub(crate) fn modes_unknown(elements: &[ElementSource]) -> Option<String> {
    let is_closed = |element: &&ElementSource| {
        element.modes.contains_key("") && element.entries.keys().any(|path| path.starts_with("static/"))
    };
    let names: Vec<&str> = elements.iter().filter(is_closed).map(|element| element.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "directories of elements are closed to others, as a umask closes all of a checkout: {}; their static files come into the \
             image as 0644 or 0755, whatever is closed among them. To keep modes, open these directories (chmod go+rx)",
            names.join(", ")
        )
    })
}

/// The directory with the data of an image's own settings, which hooks find beside their phase's directory.
pub(crate) const SETTINGS_DATA: &str = "image-settings";

/// A text file with the path that messages name it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextSource {
    /// Path, or `built in: images/NAME.yaml`.
    pub origin: String,
    /// Content.
    pub text: String,
}

/// Everything that planning may look at.
#[derive(Clone, Debug, Default)]
pub struct SourceSet {
    /// Elements by name; the first directory of the path that has one wins.
    pub elements: BTreeMap<String, ElementSource>,
    /// Whether the program's own elements win over those of the path: then its plumbing does, too.
    pub builtin_first: bool,
    /// Elements that lost to one of the same name: (name, origin of the loser).
    pub shadowed: Vec<(String, String)>,
    /// Links among the elements that lead outside of all directories of elements, by the names that their elements would have: the
    /// link and what it leads to. They were not read.
    pub outside: BTreeMap<String, (String, String)>,
    /// Image files, in the order given.
    pub images: Vec<TextSource>,
    /// Named layouts (`layouts/NAME.yaml`), block-device configs.
    pub layouts: BTreeMap<String, TextSource>,
}
