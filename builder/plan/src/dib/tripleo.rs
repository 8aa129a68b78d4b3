//! Which of two formats a YAML file of images is in.
//!
//! In: a text. Out: whether it is one of TripleO's files, which are image files here. Never: a fault: the reader of the format says it.

use alloc::sync::Arc;

use crate::source::TextSource;
use crate::yaml::{Node, read};

/// Whether it has `disk_images:`, as TripleO's files and our own have, and is not the list of images that `diskimage-builder` reads.
pub fn is_tripleo(source: &TextSource) -> bool {
    let Ok(yaml) = read(&Arc::new(source.clone())) else { return false };
    matches!(&yaml.node, Node::Map(entries) if entries.iter().any(|(key, _)| key.text() == Some("disk_images")))
}
