//! The elements engine: which elements, which steps, which packages, repositories and files.
//!
//! In: element directories as values, and what was asked for. Out: the resolved list, the steps, and what the native
//! plumbing does in them. Never: a file, a process, the caller's environment.
//!
//! ```text
//! request -> resolve -> names -> check, steps -> hooks (what each step sees)
//!                             -> package_installs, pkg_map, svc_map, repositories, manifests
//! ```

mod check;
mod closure;
pub mod error;
pub mod expand;
pub mod hooks;
pub mod image_element;
pub mod manifests;
pub mod native;
mod order;
pub mod package_installs;
pub mod phases;
pub mod pkg_map;
pub mod repositories;
pub mod resolve;
pub mod run_parts;
pub mod steps;
pub mod svc_map;
#[cfg(test)]
pub(crate) mod testing;
pub mod variable_scan;
mod yaml;

pub use check::check;
pub use error::{ElementError, ElementWarning, FileLine};
pub use resolve::{ElementRequest, chosen, resolve};
pub use steps::{StepRequest, steps};
