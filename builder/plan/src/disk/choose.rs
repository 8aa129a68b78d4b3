//! Which block-device config an image has.
//!
//! In: the image file's `layout`, the variables, the elements and the named layouts. Out: a config and its name. Never: a
//! choice by hash order.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use dibber_deploy::select::{Candidate, Compatibility, select};
use dibber_model::{Arch, Target};

use crate::source::{ElementSource, TextSource};
use crate::spelling::nearest;
use crate::yaml::{Fault, Node, Yaml, read};

/// dib's own fallback: a filesystem without a table.
pub(super) const DEFAULT_LAYOUT: &str = "\
- local_loop:
    name: image0
- mkfs:
    name: mkfs_root
    base: image0
    mount:
      mount_point: /
      fstab:
        options: defaults
        fsck-passno: 1
";

/// A config that was chosen.
#[derive(Clone, Debug)]
pub(crate) struct ChosenLayout {
    /// What messages and the seed call it: a layout's name, `partition`, an element's name.
    pub name: String,
    /// The config.
    pub config: Yaml,
}

/// The places where a layout may be given, the first that has one wins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayoutRequest<'a> {
    /// The `layout` of the request or of the image file: a name, or a config.
    pub asked: Option<&'a Yaml>,
    /// `DIB_BLOCK_DEVICE_CONFIG`.
    pub variable: Option<&'a str>,
    /// Element directories in resolved order, which may bring one.
    pub elements: &'a [ElementSource],
    /// Layouts by name.
    pub layouts: &'a BTreeMap<String, TextSource>,
}

impl LayoutRequest<'_> {
    /// The `layout` of the image file or the request, then `DIB_BLOCK_DEVICE_CONFIG`, then the first element that brings one
    /// (for its architecture in any spelling, else its default), then a bare filesystem.
    pub(crate) fn choose(&self, target: &Target) -> Result<ChosenLayout, Fault> {
        if let Some(layout) = self.asked {
            return match &layout.node {
                Node::List(_) => Ok(ChosenLayout { name: "inline".into(), config: layout.clone() }),
                _ => named_layout(layout, self.layouts, target),
            };
        }
        if let Some(text) = self.variable.filter(|text| !text.is_empty()) {
            return from_variable(text, self.layouts);
        }
        for element in self.elements {
            for word in spellings(target.arch).into_iter().chain(["default".to_string()]) {
                let path = format!("block-device-{word}.yaml");
                if let Some(text) = element.text(&path) {
                    let origin = format!("{}/{path}", element.origin);
                    return parse_layout(&element.name, TextSource { origin, text: text.into() });
                }
            }
        }
        bare_layout()
    }
}

fn spellings(arch: Arch) -> [String; 2] {
    [arch.debian_name().to_string(), arch.kernel_name().to_string()]
}

fn bare_layout() -> Result<ChosenLayout, Fault> {
    parse_layout(
        "partition",
        TextSource { origin: "built in: partition".into(), text: DEFAULT_LAYOUT.into() },
    )
}

fn parse_layout(name: &str, source: TextSource) -> Result<ChosenLayout, Fault> {
    Ok(ChosenLayout { name: name.to_string(), config: read(&Arc::new(source))? })
}

/// For the platform and architecture, for the architecture, or for all.
fn named_layout(
    layout: &Yaml,
    layouts: &BTreeMap<String, TextSource>,
    target: &Target,
) -> Result<ChosenLayout, Fault> {
    let name = layout.text().unwrap_or_default();
    let (basenames, texts): (Vec<&String>, Vec<&TextSource>) = layouts.iter().unzip();
    let candidates: Vec<Candidate> = basenames
        .iter()
        .map(|basename| Candidate { basename: basename.to_string(), compatibility: Compatibility::Every })
        .collect();
    if let Some(index) = select(&target.clone().into(), name, &candidates).chosen {
        return parse_layout(name, texts[index].clone());
    }
    if name == "partition" {
        return bare_layout();
    }
    let known: Vec<&str> = layouts.keys().map(String::as_str).collect();
    let known: Vec<&str> = match known.contains(&"partition") {
        true => known,
        false => known.into_iter().chain(["partition"]).collect(),
    };
    let fault = layout.at.bad(format!("no layout is called `{name}`"));
    Err(match nearest(name, known.iter().copied()) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault.hint(format!("there are {}", known.join(", "))),
    })
}

fn from_variable(text: &str, layouts: &BTreeMap<String, TextSource>) -> Result<ChosenLayout, Fault> {
    let origin = "DIB_BLOCK_DEVICE_CONFIG";
    let source = TextSource { origin: origin.into(), text: text.into() };
    let Some(path) = text.strip_prefix("file://") else {
        return parse_layout(origin, source);
    };
    match layouts.get(path.trim_end()) {
        Some(found) => parse_layout(origin, found.clone()),
        None => {
            let at = crate::yaml::Place { source: Arc::new(source), line: 1, column: 1 };
            Err(at.bad(format!("the block-device config {path} was not read")).hint("is there such a file?"))
        }
    }
}
