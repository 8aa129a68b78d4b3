//! Partition types, in words.
//!
//! In: a GUID or a type byte. Out: what a person calls it. Never: a guess.

use uuid::{Uuid, uuid};

/// Names of the Discoverable Partitions Specification and of sgdisk.
const GPT: [(Uuid, &str); 24] = [
    (uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"), "EFI system"),
    (uuid!("21686148-6449-6e6f-744e-656564454649"), "BIOS boot"),
    (uuid!("9e1a2d38-c612-4316-aa26-8b49521e5a8b"), "PReP boot"),
    (uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4"), "Linux filesystem"),
    (uuid!("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"), "Linux swap"),
    (uuid!("e6d6d379-f507-44c2-a23c-238f2a3df928"), "Linux LVM"),
    (uuid!("a19d880f-05fc-4d3b-a006-743f0f84911e"), "Linux RAID"),
    (uuid!("8da63339-0007-60c0-c436-083ac8230908"), "Linux reserved"),
    (uuid!("933ac7e1-2eb4-4f13-b844-0e14e2aef915"), "Linux home"),
    (uuid!("44479540-f297-41b2-9af7-d131d5f0458a"), "Linux root (x86)"),
    (uuid!("4f68bce3-e8cd-4db1-96e7-fbcaf984b709"), "Linux root (x86-64)"),
    (uuid!("b921b045-1df0-41c3-af44-4c6f280d3fae"), "Linux root (ARM64)"),
    (uuid!("69dad710-2ce4-4e3c-b16c-21a1d49abed3"), "Linux root (ARM)"),
    (uuid!("c31c45e6-3f39-412e-80fb-4809c4980599"), "Linux root (PPC64LE)"),
    (uuid!("8484680c-9521-48c6-9c11-b0720656f69e"), "Linux usr (x86-64)"),
    (uuid!("3b8f8425-20e0-4f3b-907f-1a25a76f98e8"), "Linux srv"),
    (uuid!("4d21b016-b534-45c2-a9fb-5c16e091fd2d"), "Linux var"),
    (uuid!("7ec6f557-3bc5-4aca-b293-16ef5df639d1"), "Linux tmp"),
    (uuid!("bc13c2ff-59e6-4262-a352-b275fd6f7172"), "extended boot loader"),
    (uuid!("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"), "Microsoft basic data"),
    (uuid!("e3c9e316-0b5c-4db8-817d-f92df00215ae"), "Microsoft reserved"),
    (uuid!("de94bba4-06d1-4d40-a16a-bfd50179d6ac"), "Windows recovery"),
    (uuid!("ca7d7ccb-63ed-4c53-861c-1742536059cc"), "LUKS"),
    (uuid!("024dee41-33e7-11d3-9d69-0008c781f39f"), "MBR in a partition"),
];

const MBR: [(u8, &str); 22] = [
    (0x01, "FAT12"),
    (0x04, "FAT16 below 32 MB"),
    (0x05, "extended"),
    (0x06, "FAT16"),
    (0x07, "NTFS or exFAT"),
    (0x0b, "FAT32"),
    (0x0c, "FAT32, LBA"),
    (0x0e, "FAT16, LBA"),
    (0x0f, "extended, LBA"),
    (0x27, "Windows recovery"),
    (0x41, "PReP boot"),
    (0x82, "Linux swap"),
    (0x83, "Linux filesystem"),
    (0x85, "Linux extended"),
    (0x8e, "Linux LVM"),
    (0xa5, "FreeBSD"),
    (0xda, "no filesystem"),
    (0xea, "extended boot loader"),
    (0xee, "protective, of a GPT"),
    (0xef, "EFI system"),
    (0xfb, "VMFS"),
    (0xfd, "Linux RAID"),
];

pub(super) fn gpt(kind: Uuid) -> &'static str {
    GPT.iter().find(|(known, _)| *known == kind).map_or("unknown", |(_, words)| words)
}

pub(super) fn mbr(kind: u8) -> &'static str {
    MBR.iter().find(|(known, _)| *known == kind).map_or("unknown", |(_, words)| words)
}

/// Holds the chain of logical partitions.
pub(super) fn is_extended(kind: u8) -> bool {
    matches!(kind, 0x05 | 0x0f | 0x85)
}
