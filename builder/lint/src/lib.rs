//! What is wrong with elements before anybody builds from them: what diskimage-builder or dibber breaks at or passes over in silence, and
//! what dib's own linter asks for.
//!
//! Most of what can be wrong with an element, planning knows: it reads the same files. Such rules are only named here
//! ([`dibber_plan::elements::complaints`] finds them), so that a build and the linter never differ. The other rules look at texts, as
//! `bin/dib-lint` of diskimage-builder does, whose names and comments (`# dib-lint: disable=...`) hold here too.
//!
//! In: elements that were read. Out: findings, each with its rule, its place and, where that is safe, the change that mends it. Never: a
//! file, a program that is run, a verdict that hangs on the machine.
//!
//! # Example
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use dibber_lint::{LintRequest, lint};
//! use dibber_model::Digest;
//! use dibber_plan::{Body, ElementSource, Entry};
//!
//! let file = |text: &str| Entry::File {
//!     executable: true,
//!     digest: Digest::of(text.as_bytes()),
//!     body: Body::Inline(text.as_bytes().into()),
//! };
//! let entries = BTreeMap::from([
//!     ("install.d".to_string(), Entry::Dir),
//!     ("install.d/10-ssh.sh".to_string(), file("#!/bin/sh\n")),
//! ]);
//! let element =
//!     ElementSource { name: "ssh".into(), origin: "elements/ssh".into(), entries, modes: BTreeMap::new() };
//! let findings = lint(&LintRequest { elements: &[element], ..LintRequest::default() });
//! assert!(findings.iter().any(|finding| finding.rule.name == "hook-name"));
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod diff;
mod finding;
mod fix;
mod markdown;
mod request;
mod rule;
mod rules;
mod sarif;
mod settings;
mod shell;
mod suppress;
#[cfg(test)]
mod testing;
mod upstream;

pub use diff::unified;
pub use finding::Finding;
pub use fix::{Change, changed};
pub use markdown::table;
pub use request::{LintRequest, lint, looks_like_element, spoilt};
pub use rule::{RULES, Rule, Severity, rule};
pub use sarif::sarif;
pub use settings::tox_ini;
