//! From what was read to what will be done.
//!
//! A plan is everything that a build will do, decided before it begins: the elements, the steps with all that they see, the disk, the outputs.
//! `dibber plan` prints it, `dibber build` carries it out, and whether a step must run again follows from it. It is made by pure functions over
//! sources that were read once, so the same sources and the same request always give the same plan.
//!
//! In: a [`SourceSet`] and a request. Out: a [`Plan`] for each image and target. Never: files, processes, the clock.
//!
//! # Example
//!
//! An image of one element, whose one hook is a step.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use dibber_model::{Arch, Digest};
//! use dibber_plan::{Body, ElementSource, Entry, PlanError, Request, SourceSet, TextSource, plan};
//!
//! let file = |text: &str, executable| Entry::File {
//!     executable,
//!     digest: Digest::of(text.as_bytes()),
//!     body: Body::Inline(text.as_bytes().into()),
//! };
//! let element = ElementSource {
//!     name: "tiny".into(),
//!     origin: "elements/tiny".into(),
//!     entries: BTreeMap::from([
//!         ("element-provides".into(), file("operating-system\n", false)),
//!         ("root.d".into(), Entry::Dir),
//!         ("root.d/10-tree".into(), file("#!/bin/sh\nmkdir $TARGET_ROOT/etc\n", true)),
//!     ]),
//!     modes: BTreeMap::new(),
//! };
//! let image = "disk_images: [{imagename: tiny, arch: x86_64, elements: [tiny], skip_base: true, layout: partition}]";
//! let mut sources = SourceSet::default();
//! sources.elements.insert(element.name.clone(), element);
//! sources.images.push(TextSource { origin: "tiny.yaml".into(), text: image.into() });
//! let plans = plan(&sources, &Request::on(Arch::X86_64))?;
//! assert!(plans[0].steps.iter().any(|step| step.name == "10-tree" && step.element == "tiny"));
//! # Ok::<(), PlanError>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod archive;
mod booting;
mod compression;
pub mod contract;
mod declared_node;
pub mod dib;
mod disk;
pub mod elements;
mod error;
mod explain;
mod host_paths;
pub mod image;
mod image_planner;
mod limits;
mod native_tree;
mod network;
pub mod output;
mod packaging;
mod plan;
mod planner;
mod properties;
mod proxies;
mod request;
mod secrets;
mod settings;
pub mod source;
mod spelling;
mod step;
mod variables;
pub mod yaml;

pub use archive::Archive;
pub use compression::{Qcow2Compression, RamdiskCompression};
pub use declared_node::{DeclaredNode, NodeKind};
pub use disk::{check_config, fstab, gpt_codes};
pub use error::PlanError;
pub use explain::explain;
pub use host_paths::HostPath;
pub use image::schema;
pub use network::Cuts;
pub use output::{OutputKind, Role};
pub use packaging::Packaging;
pub use plan::{KERNEL_PATTERNS, Plan};
pub use planner::plan;
pub use properties::properties_of;
pub use proxies::Proxies;
pub use request::Request;
pub use source::{Body, ElementSource, Entry, SourceSet, TextSource};
pub use spelling::{nearest, nearest_name};
pub use step::{Action, Step};
