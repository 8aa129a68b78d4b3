//! Why a disk cannot be laid out.
//!
//! In: the two numbers that disagree. Out: one line that names the partition, the numbers and the mend. Never: a file or a
//! line, which the edge knows.

use alloc::string::String;
use dibber_model::{Bytes, Loader, layout::LayoutFault};

/// Why a disk cannot be laid out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// A partition is larger than what is left.
    #[error(
        "disk `{disk}`: partition `{part}` wants {wanted} ({} bytes), and {available} ({} bytes) of {size} are left; \
         make the disk larger, or this or an earlier partition smaller",
        wanted.0,
        available.0
    )]
    NoRoom {
        /// The disk.
        disk: String,
        /// The partition.
        part: String,
        /// What it wants.
        wanted: Bytes,
        /// What there is.
        available: Bytes,
        /// Size of the disk.
        size: Bytes,
    },
    /// Content is larger than its partition may be.
    #[error(
        "disk `{disk}`: {what} `{part}` holds at most {available} ({} bytes), and its content needs {wanted} ({} \
         bytes); raise {rule}, or take something out of it",
        available.0,
        wanted.0
    )]
    ContentTooLarge {
        /// The disk.
        disk: String,
        /// `partition` or `logical volume`.
        what: &'static str,
        /// The partition.
        part: String,
        /// What the content needs.
        wanted: Bytes,
        /// What the rule allows.
        available: Bytes,
        /// The rule: `its size`, `its max`, `the disk's size`.
        rule: &'static str,
    },
    /// `min` above `max`.
    #[error("disk `{disk}`: {what} `{part}` has min {min}, above its max {max}; lower min or raise max")]
    MinAboveMax {
        /// The disk.
        disk: String,
        /// `partition` or `logical volume`.
        what: &'static str,
        /// The partition.
        part: String,
        /// Its min.
        min: Bytes,
        /// Its max.
        max: Bytes,
    },
    /// Nothing to take a size from.
    #[error("disk `{disk}`: nothing says how large {what} `{part}` should be; give it a size or a min")]
    NoSize {
        /// The disk.
        disk: String,
        /// `partition` or `logical volume`.
        what: &'static str,
        /// The partition.
        part: String,
    },
    /// Shares of more than all.
    #[error("disk `{disk}`: partition `{part}` asks for {}.{:02}% of what is free; ask for more than 0% and at most 100%", share / 100, share % 100)]
    BadShare {
        /// The disk.
        disk: String,
        /// The partition.
        part: String,
        /// Hundredths of a percent.
        share: u32,
    },
    /// The size of some content was not given.
    #[error("disk `{disk}`: the content of {what} `{part}` was not measured")]
    NotMeasured {
        /// The disk.
        disk: String,
        /// `partition` or `logical volume`.
        what: &'static str,
        /// The partition.
        part: String,
    },
    /// A boot loader that nobody made.
    #[error(
        "disk `{disk}`: `{place}` is to hold {}, and none was made; install a GRUB package that has it, or drop the place",
        loader_name(*loader)
    )]
    NoLoader {
        /// The disk.
        disk: String,
        /// A partition, or `the gap after the MBR`.
        place: String,
        /// What is missing.
        loader: Loader,
    },
    /// core.img does not fit between the MBR and the first partition.
    #[error(
        "disk `{disk}`: GRUB's core.img has {wanted} bytes, and the gap after the MBR {available}; raise `align`, or give \
         grub-mkimage fewer modules"
    )]
    GapTooSmall {
        /// The disk.
        disk: String,
        /// Size of core.img, in bytes.
        wanted: u64,
        /// Size of the gap, in bytes.
        available: u64,
    },
    /// Boot code that this disk has no place for.
    #[error("disk `{disk}`: it cannot start by BIOS: {why}")]
    NoBios {
        /// The disk.
        disk: String,
        /// Why, and what to do.
        why: &'static str,
    },
    /// A partition or disk past what 32-bit sector numbers reach.
    #[error(
        "disk `{disk}`: an MBR reaches {limit} with sectors of {sector} bytes, and this disk needs {wanted} ({} bytes); \
         use `label: gpt`",
        wanted.0
    )]
    PastMbr {
        /// The disk.
        disk: String,
        /// What it needs.
        wanted: Bytes,
        /// What an MBR can address.
        limit: Bytes,
        /// Sector size in bytes.
        sector: u64,
    },
    /// An alignment that no partition can have.
    #[error(
        "disk `{disk}`: align is {align} bytes; it must be a multiple of the sector size, {sector} bytes, and not 0"
    )]
    BadAlign {
        /// The disk.
        disk: String,
        /// What was asked for.
        align: u64,
        /// Sector size in bytes.
        sector: u64,
    },
    /// A partition number that cannot be.
    #[error("disk `{disk}`: partition `{part}` cannot have number {number}: {why}")]
    BadNumber {
        /// The disk.
        disk: String,
        /// The partition.
        part: String,
        /// The number.
        number: u32,
        /// Why, and what to do.
        why: &'static str,
    },
    /// A table that cannot hold these partitions.
    #[error("disk `{disk}`: partition `{part}`: {why}")]
    BadTable {
        /// The disk.
        disk: String,
        /// The partition at fault.
        part: String,
        /// Why, and what to do.
        why: &'static str,
    },
    /// Two partitions of one name.
    #[error("disk `{disk}`: two partitions or volumes are called `{part}`; rename one")]
    SameName {
        /// The disk.
        disk: String,
        /// The name.
        part: String,
    },
    /// More volumes than a group has extents for.
    #[error(
        "volume group `{group}`: `{volume}` wants {wanted} extents ({wanted_bytes}), and {available} ({available_bytes}) of {total} are \
         left; make a physical volume larger, or this or an earlier volume smaller"
    )]
    GroupFull {
        /// The group.
        group: String,
        /// The logical volume.
        volume: String,
        /// Extents that it wants.
        wanted: u64,
        /// The same in bytes.
        wanted_bytes: Bytes,
        /// Extents that are left.
        available: u64,
        /// The same in bytes.
        available_bytes: Bytes,
        /// Extents of the group.
        total: u64,
    },
    /// A partition without room for one extent.
    #[error(
        "physical volume `{pv}`: partition `{part}` has {available} ({} bytes), and the least is {wanted} ({} bytes); make it larger",
        available.0,
        wanted.0
    )]
    SmallPv {
        /// The physical volume.
        pv: String,
        /// Its partition.
        part: String,
        /// What that has.
        available: Bytes,
        /// What one extent and what lies before it take.
        wanted: Bytes,
    },
    /// A group on a partition that is none of its physical volumes.
    #[error(
        "volume group `{group}`: `{part}` is no partition that holds a physical volume; name one that does"
    )]
    NoPv {
        /// The group.
        group: String,
        /// The partition.
        part: String,
    },
    /// Sizes past 64 bits.
    #[error("disk `{disk}`: its partitions need more than {} bytes together; make them smaller", u64::MAX)]
    TooLarge {
        /// The disk.
        disk: String,
    },
    /// The placed ranges do not make a disk.
    #[error("disk `{disk}`: {fault}")]
    Fault {
        /// The disk.
        disk: String,
        /// What is wrong.
        fault: LayoutFault,
    },
}

fn loader_name(loader: Loader) -> &'static str {
    match loader {
        Loader::Bios => "GRUB's core.img for BIOS (i386-pc)",
        Loader::Prep => "GRUB's core.elf for POWER (powerpc-ieee1275)",
    }
}
