//! Identities that are derived, never drawn.
//!
//! In: the names that an image goes by. Out: UUIDs, GUIDs and numbers for its parts. Never: content, else editing a late
//! hook would change what early hooks saw; and never a random source.

use core::fmt;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The root of an image's identities: SHA-256 over its names.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed of the thing that goes by these names, such as image, architecture, platform and layout.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = Sha256::new();
        for name in names {
            // A length before each name keeps ("ab", "c") and ("a", "bc") apart.
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
        }
        Seed(hash.finalize().into())
    }

    /// 32 bytes for one role, HMAC-SHA256(seed, role, index).
    pub fn bytes(&self, role: &str, index: u32) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(role.as_bytes());
        // The zero byte ends the role, so no role and index can spell another pair.
        mac.update(&[0]);
        mac.update(&index.to_le_bytes());
        mac.finalize().into_bytes().into()
    }

    /// A UUID for one role, marked version 8 (RFC 9562: custom) and variant 1.
    pub fn uuid(&self, role: &str, index: u32) -> Uuid {
        let bytes = self.bytes(role, index);
        let head: [u8; 16] = core::array::from_fn(|i| bytes[i]);
        uuid::Builder::from_custom_bytes(head).into_uuid()
    }

    /// A 32-bit number for one role, never zero: FAT volume ids and MBR disk ids.
    pub fn number(&self, role: &str, index: u32) -> u32 {
        let bytes = self.bytes(role, index);
        u32::from_le_bytes(core::array::from_fn(|i| bytes[i])).max(1)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({:02x}{:02x}..)", self.0[0], self.0[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_stable_and_distinct() {
        let seed = Seed::from_names(["overcloud-full", "x86_64"]);
        assert_eq!(seed.uuid("disk", 0), Seed::from_names(["overcloud-full", "x86_64"]).uuid("disk", 0));
        assert_ne!(seed.uuid("disk", 0), seed.uuid("disk", 1));
        assert_ne!(seed.uuid("disk", 0), seed.uuid("part", 0));
        assert_ne!(Seed::from_names(["ab", "c"]), Seed::from_names(["a", "bc"]));
        assert_eq!(seed.uuid("disk", 0).get_version_num(), 8);
    }
}
