//! Why there is no plan.
//!
//! Planning reads what people wrote, so each of its errors names the place that must be changed, and what was probably meant there.
//! Faults of texts and of elements are passed on as they are, under the name of the image.
//!
//! In: what the planner and its readers found. Out: one error, as a sentence. Never: an error of the machine: planning touches nothing.

use alloc::string::String;
use alloc::vec::Vec;

use crate::elements::ElementError;
use crate::yaml::Fault;

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A text is wrong at a place.
    #[error(transparent)]
    Text(#[from] Fault),
    /// Elements cannot be used as they are.
    #[error("image `{image}`: {error}")]
    Elements {
        /// Of which image.
        image: String,
        /// Why.
        error: ElementError,
    },
    /// No image is called so.
    #[error("no image is called `{name}`; {}", known_images(.known, .near))]
    UnknownImage {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
        /// What may have been meant.
        near: Option<String>,
    },
    /// The image files list nothing.
    #[error("there is no image: {0}")]
    NoImages(&'static str),
    /// A variable's value does not mean anything.
    #[error("variable {name}=`{value}`: {why}")]
    Variable {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
        /// What is wrong.
        why: String,
    },
    /// The image is not built for that.
    #[error("image `{image}` has no {what}; {}", known_targets(.known, .near))]
    NoTarget {
        /// The image.
        image: String,
        /// What was asked for: a target, or a platform.
        what: String,
        /// What there is.
        known: Vec<String>,
        /// What may have been meant.
        near: Option<String>,
    },
    /// A platform of no certain architecture.
    #[error(
        "image `{image}`: platform `{platform}` of which architecture? say --arch too, or --target {platform}-ARCH"
    )]
    PlatformAlone {
        /// The image.
        image: String,
        /// The platform.
        platform: String,
    },
    /// Two plans would write the same files.
    #[error(
        "`{first}` and `{second}` would both come out as {basename}; give one of them another name or architecture"
    )]
    SameFiles {
        /// One image.
        first: String,
        /// The other.
        second: String,
        /// The name that both claim.
        basename: String,
    },
}

impl PlanError {
    /// The fault in a text, with its place, if that is what it is.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            PlanError::Text(fault) => Some(fault),
            _ => None,
        }
    }
}

fn known_images(known: &[String], near: &Option<String>) -> String {
    match near {
        Some(near) => alloc::format!("did you mean `{near}`?"),
        None => alloc::format!("there are {}", known.join(", ")),
    }
}

fn known_targets(known: &[String], near: &Option<String>) -> String {
    match near {
        Some(near) => alloc::format!("did you mean `{near}`? there are {}", known.join(", ")),
        None => alloc::format!("there are {}", known.join(", ")),
    }
}
