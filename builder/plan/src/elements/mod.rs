//! The elements engine: which elements, which steps, which packages, repositories and files.
//!
//! dib's elements are directories of scripts and lists, and what they mean follows from how dib runs them. These modules say the same from the
//! directories alone, before anything runs. dib's plumbing elements (`package-installs`, `install-static` and so on) are native: their files
//! are read here, and their work is done by steps of our own.
//!
//! In: element directories as values, and what was asked for. Out: the resolved list, the steps, and what the native
//! plumbing does in them. Never: a file, a process, the caller's environment.
//!
//! ```text
//! request -> resolve -> names -> check, steps -> hooks (what each step sees)
//!                             -> package_installs, pkg_map, svc_map, repositories, manifests
//! ```

mod check;
pub mod closure;
pub(crate) mod error;
pub(crate) mod expand;
pub mod hooks;
pub mod image_element;
mod line_ends;
pub mod manifests;
pub mod native;
mod order;
pub mod package_installs;
pub mod phases;
pub mod pkg_map;
pub mod repositories;
pub mod required_variables;
pub(crate) mod resolve;
pub mod run_parts;
pub(crate) mod steps;
pub mod svc_map;
#[cfg(test)]
pub(crate) mod testing;
pub mod visibility;
mod yaml;

pub use check::{check, complaints, plumbing_of};
pub use closure::{NameAt, names_in};
pub use error::{ElementError, ElementWarning, FileLine};
pub use resolve::{ElementRequest, chosen, resolve};
pub use steps::{StepRequest, steps};
