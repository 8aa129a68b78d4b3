//! A search, in words.
//!
//! In: what was tried. Out: a sentence for each step. Never: a decision.

use core::fmt;

use super::{Attempt, AttemptOutcome, Refusal};

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Arch { image, tagged: true, node } => {
                write!(f, "tagged hw_architecture={image}, and the node is {node}")
            }
            Refusal::Arch { image, tagged: false, node } => {
                write!(f, "without a tag it counts as {image}, and the node is {node}")
            }
            Refusal::Platform { image, node: Some(node) } => {
                write!(f, "tagged tripleo_platform={image}, and the node's platform is {node}")
            }
            Refusal::Platform { image, node: None } => {
                write!(f, "tagged tripleo_platform={image}, and the node names no platform")
            }
            Refusal::BootMode { image, node } => {
                write!(f, "starts by {image} only (hw_firmware_type), and the node by {node} (boot_mode)")
            }
            Refusal::Nobody(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for AttemptOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttemptOutcome::Absent => f.write_str("there is none"),
            AttemptOutcome::Refused(refusal) => refusal.fmt(f),
            AttemptOutcome::Chosen => f.write_str("chosen"),
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.basename, self.outcome)
    }
}
