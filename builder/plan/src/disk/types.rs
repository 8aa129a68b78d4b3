//! Partition types: sgdisk's codes, GUIDs, and the type bytes of an MBR.
//!
//! In: text such as `EF00`, `0x4100` or a GUID. Out: what a partition table holds. Never: a code that is not in the table.

use alloc::string::String;
use uuid::{Uuid, uuid};

/// sgdisk's four-digit codes and the GUIDs that it gives them.
const GPT: [(u16, Uuid); 20] = [
    (0x0700, uuid!("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")),
    (0x0c01, uuid!("e3c9e316-0b5c-4db8-817d-f92df00215ae")),
    (0x2700, uuid!("de94bba4-06d1-4d40-a16a-bfd50179d6ac")),
    (0x4100, uuid!("9e1a2d38-c612-4316-aa26-8b49521e5a8b")),
    (0x8200, uuid!("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f")),
    (0x8300, uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4")),
    (0x8301, uuid!("8da63339-0007-60c0-c436-083ac8230908")),
    (0x8302, uuid!("933ac7e1-2eb4-4f13-b844-0e14e2aef915")),
    (0x8303, uuid!("44479540-f297-41b2-9af7-d131d5f0458a")),
    (0x8304, uuid!("4f68bce3-e8cd-4db1-96e7-fbcaf984b709")),
    (0x8305, uuid!("b921b045-1df0-41c3-af44-4c6f280d3fae")),
    (0x8306, uuid!("3b8f8425-20e0-4f3b-907f-1a25a76f98e8")),
    (0x8307, uuid!("69dad710-2ce4-4e3c-b16c-21a1d49abed3")),
    (0x8310, uuid!("4d21b016-b534-45c2-a9fb-5c16e091fd2d")),
    (0x8e00, uuid!("e6d6d379-f507-44c2-a23c-238f2a3df928")),
    (0xea00, uuid!("bc13c2ff-59e6-4262-a352-b275fd6f7172")),
    (0xef00, uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")),
    (0xef01, uuid!("024dee41-33e7-11d3-9d69-0008c781f39f")),
    (0xef02, uuid!("21686148-6449-6e6f-744e-656564454649")),
    (0xfd00, uuid!("a19d880f-05fc-4d3b-a006-743f0f84911e")),
];

/// A BIOS boot partition.
pub(super) const BIOS_BOOT: u16 = 0xef02;
/// A PReP boot partition.
pub(super) const PREP: u16 = 0x4100;
/// An EFI system partition.
const ESP: u16 = 0xef00;
/// A Linux filesystem: dib's default.
pub(super) const LINUX: u16 = 0x8300;

/// The GUID of a code of the table.
pub(super) fn guid_of(code: u16) -> Uuid {
    GPT.iter().find(|(known, _)| *known == code).map_or(Uuid::nil(), |(_, guid)| *guid)
}

/// Whether a partition of this type is an EFI system partition.
pub(crate) fn is_esp(type_guid: Uuid) -> bool {
    type_guid == guid_of(ESP)
}

/// The codes that are known, with their GUIDs.
pub fn gpt_codes() -> impl Iterator<Item = (u16, Uuid)> {
    GPT.iter().copied()
}

/// `EF00`, `0xEF00`, or a GUID. The error says what is known.
pub(super) fn gpt_type(text: &str) -> Result<Uuid, String> {
    if let Ok(guid) = Uuid::try_parse(text)
        && text.len() == 36
    {
        return Ok(guid);
    }
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let code = u16::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 4);
    match code.and_then(|code| GPT.iter().find(|(known, _)| *known == code)) {
        Some((_, guid)) => Ok(*guid),
        None => Err(alloc::format!(
            "unknown GPT partition type `{text}`; write a GUID or a code of sgdisk such as EF00, EF02, 8200, 8300, 4100"
        )),
    }
}

/// `0x83`, `83`: always hexadecimal, as dib reads it.
pub(super) fn mbr_type(text: &str) -> Result<u8, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let byte = u8::from_str_radix(digits, 16).ok().filter(|byte| *byte != 0 && !digits.starts_with('+'));
    match byte {
        // 0x05, 0x0f and 0x85 chain logical partitions, which the table makes by itself.
        Some(0x05 | 0x0f | 0x85) => Err(alloc::format!(
            "type `{text}` is an extended partition; leave out the flag `primary` instead"
        )),
        Some(byte) => Ok(byte),
        None => Err(alloc::format!(
            "`{text}` is not an MBR partition type; write a byte such as 0x83, 0x82, 0xef, 0x41"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_in_every_spelling() {
        for text in ["EF00", "ef00", "0xEF00", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"] {
            assert_eq!(gpt_type(text), Ok(guid_of(ESP)), "{text}");
        }
        assert_eq!(gpt_type("0x4100"), gpt_type("4100"));
        for bad in ["", "EF", "EF0G", "9999", "0x83", "+123", "c12a7328f81f11d2ba4b00a0c93ec93b"] {
            assert!(gpt_type(bad).is_err(), "{bad}");
        }
        assert_eq!((mbr_type("0x83"), mbr_type("83"), mbr_type("EF")), (Ok(0x83), Ok(0x83), Ok(0xef)));
        for bad in ["", "0", "100", "8300", "0x0f", "+8", "zz"] {
            assert!(mbr_type(bad).is_err(), "{bad}");
        }
    }
}
