//! POWER9.

use crate::arch::platform::PlatformFacts;

pub(super) const FACTS: PlatformFacts = PlatformFacts {
    arch: "ppc64le",
    words: &["power9", "POWER9", "Power9", "p9", "P9", "pwr9"],
    cpu: "power9",
};
