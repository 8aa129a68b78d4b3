//! POWER8.

use crate::arch::platform::PlatformFacts;

pub(super) const FACTS: PlatformFacts = PlatformFacts {
    arch: "ppc64le",
    words: &["power8", "POWER8", "Power8", "p8", "P8", "pwr8"],
    cpu: "power8",
};
