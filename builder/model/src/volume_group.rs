//! LVM: physical volumes, volume groups and logical volumes, before any size is known.
//!
//! In: block-device configs, through `plan`. Out: names, identities and size rules. Never: an extent's place, which is the layout
//! engine's, or a byte, which is crate `format`'s.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::filesystem::FsSpec;
use crate::{Bytes, Hasher, Identify, Seed, SizeRule, identify};

/// The identity of a physical volume, a group or a logical volume: 32 letters and digits (`lib/uuid/uuid.h` of lvm2, `ID_LEN`).
/// Displays with the dashes that lvm2 prints.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct LvmId([u8; 32]);

/// What lvm2 makes ids of: the last two of its characters, `!` and `#`, stand in no new one (`lib/uuid/uuid.c`).
const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// Letters between the dashes.
const GROUPS: [usize; 7] = [6, 4, 4, 4, 4, 4, 6];

impl LvmId {
    /// The identity for one role.
    pub fn of(seed: &Seed, role: &str) -> LvmId {
        LvmId(seed.bytes(role, 0).map(|byte| ALPHABET[usize::from(byte) % ALPHABET.len()]))
    }

    /// The 32 characters, as a label holds them.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for LvmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = &self.0[..];
        for (index, len) in GROUPS.into_iter().enumerate() {
            let (group, after) = rest.split_at(len);
            rest = after;
            let dash = if index > 0 { "-" } else { "" };
            write!(f, "{dash}{}", core::str::from_utf8(group).expect("made of letters and digits"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for LvmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LvmId({self})")
    }
}

/// A text that is no identity of LVM's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an id of LVM: 32 letters and digits in groups of 6, 4, 4, 4, 4, 4 and 6, with dashes between"
)]
pub struct LvmIdError(String);

impl FromStr for LvmId {
    type Err = LvmIdError;
    fn from_str(text: &str) -> Result<Self, LvmIdError> {
        let fail = || LvmIdError(text.into());
        let letters: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
        let id = LvmId(letters.try_into().map_err(|_| fail())?);
        let known = id.0.iter().all(|byte| ALPHABET.contains(byte));
        if known && alloc::format!("{id}") == text { Ok(id) } else { Err(fail()) }
    }
}

impl From<LvmId> for String {
    fn from(id: LvmId) -> String {
        alloc::format!("{id}")
    }
}

impl TryFrom<String> for LvmId {
    type Error = LvmIdError;
    fn try_from(text: String) -> Result<Self, LvmIdError> {
        text.parse()
    }
}

impl Identify for LvmId {
    fn identify(&self, hasher: &mut Hasher) {
        self.0.identify(hasher);
    }
}

/// How a logical volume's size is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LvSize {
    /// As a partition's; `Free` is a share of what is still free in the group when the volume's turn comes (lvcreate's `%FREE`).
    Rule(SizeRule),
    /// A number of extents.
    Extents(u64),
    /// A share of the whole group (lvcreate's `%VG`), in hundredths of a percent.
    Group {
        /// Hundredths of a percent.
        share: u32,
    },
}

impl Identify for LvSize {
    fn identify(&self, hasher: &mut Hasher) {
        match self {
            LvSize::Rule(rule) => rule.identify(hasher.part(b"rule")),
            LvSize::Extents(count) => count.identify(hasher.part(b"extents")),
            LvSize::Group { share } => share.identify(hasher.part(b"group")),
        }
    }
}

/// What a logical volume is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LvKind {
    /// Extents of the group, one after the other.
    Linear,
    /// A thin pool, whose extents thin volumes share.
    Pool,
    /// A thin volume of a pool.
    Thin {
        /// The pool's name.
        pool: String,
    },
}

impl Identify for LvKind {
    fn identify(&self, hasher: &mut Hasher) {
        match self {
            LvKind::Linear => "linear".identify(hasher),
            LvKind::Pool => "pool".identify(hasher),
            LvKind::Thin { pool } => pool.identify(hasher.part(b"thin")),
        }
    }
}

/// A physical volume to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PvSpec {
    /// Its name in the block-device config.
    pub name: String,
    /// The partition that it is, by name.
    pub part: String,
    /// Its identity.
    pub id: LvmId,
}
identify!(PvSpec { name, part, id });

/// A logical volume to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LvSpec {
    /// Its name, which no other volume and no partition of the disk has.
    pub name: String,
    /// Its identity.
    pub id: LvmId,
    /// What it is made of.
    pub kind: LvKind,
    /// Its size.
    pub size: LvSize,
    /// Its filesystem, if it gets one.
    pub fs: Option<FsSpec>,
}
identify!(LvSpec { name, id, kind, size, fs });

/// A volume group to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VgSpec {
    /// Its name.
    pub name: String,
    /// Its identity.
    pub id: LvmId,
    /// Bytes of an extent.
    pub extent: Bytes,
    /// Its physical volumes, in the order in which they are filled.
    pub pvs: Vec<PvSpec>,
    /// Its logical volumes, in the order in which they are placed.
    pub lvs: Vec<LvSpec>,
}
identify!(VgSpec { name, id, extent, pvs, lvs });

impl VgSpec {
    /// Extents of lvm2 by default (`DEFAULT_EXTENT_SIZE` of its `lib/config/defaults.h`).
    pub const EXTENT: Bytes = Bytes::mib(4);

    /// The path of a volume below `/dev`, as the device mapper's: hyphens within names are doubled
    /// (`dm_build_dm_name` of lvm2's `device_mapper/libdm-string.c`).
    pub fn mapper_name(group: &str, volume: &str) -> String {
        let doubled = |name: &str| name.replace('-', "--");
        alloc::format!("{}-{}", doubled(group), doubled(volume))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_lvm2() {
        let id = LvmId::of(&Seed::from_names(["test"]), "vg");
        let text = alloc::format!("{id}");
        assert_eq!(text.split('-').map(str::len).collect::<Vec<_>>(), GROUPS);
        assert_eq!(text.parse(), Ok(id));
        assert_ne!(id, LvmId::of(&Seed::from_names(["test"]), "lv"));
        for bad in
            ["", &text[1..], &text.replace('-', ""), &alloc::format!("{text}a"), &text.replace('-', "_")]
        {
            assert!(bad.parse::<LvmId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn hyphens_are_doubled_for_the_mapper() {
        assert_eq!(VgSpec::mapper_name("vg-a", "lv_root"), "vg--a-lv_root");
    }
}
