//! One partition: its size, its type, and what its table wants to know.
//!
//! In: the keys of a partition. Out: its [`SizeRule`] and [`PartKind`]. Never: what is in it.

use alloc::format;
use alloc::vec::Vec;
use dibber_model::{Bytes, PartKind, Seed, SizeRule};
use uuid::Uuid;

use super::nodes::BlockNode;
use super::types::{LINUX, gpt_type, guid_of, mbr_type};
use crate::yaml::{Fault, Node, Yaml};

/// `550MiB`, `40%`, `content`: of a partition, or of a logical volume.
pub(super) fn size(node: &BlockNode) -> Result<SizeRule, Fault> {
    let Some(value) = node.keys.get("size") else { return Err(node.at.bad("a partition needs a size")) };
    let (text, what) = (value.text().unwrap_or_default(), node.plugin.word());
    let (min, max) = (bytes(&node.keys, "min")?, bytes(&node.keys, "max")?);
    if text == "content" {
        if let (Some(low), Some(high)) = (min, max)
            && low > high
        {
            return Err(value
                .at
                .bad(format!("{what} `{}`: min, {low}, is more than max, {high}", node.name)));
        }
        return Ok(SizeRule::Content { min, max });
    }
    if let Some(key) = node.keys.get("min").or_else(|| node.keys.get("max")) {
        return Err(key.at.bad("`min` and `max` belong to `size: content`"));
    }
    if let Some(percent) = text.strip_suffix('%') {
        let share = hundredths(percent.trim_end());
        return share
            .map(|share| SizeRule::Free { share })
            .ok_or_else(|| value.at.bad(format!("`{text}` is not a share; write from 0.01% to 100%")));
    }
    match text.parse::<Bytes>() {
        Ok(Bytes(0)) => Err(value.at.bad(format!("{what} `{}` has no size", node.name))),
        Ok(size) => Ok(SizeRule::Exact(size)),
        Err(error) => Err(value.at.bad(error).hint("a share such as 100% and `content` are sizes too")),
    }
}

fn bytes(keys: &Yaml, key: &str) -> Result<Option<Bytes>, Fault> {
    let Some(value) = keys.get(key) else { return Ok(None) };
    value.text().unwrap_or_default().parse().map(Some).map_err(|error| value.at.bad(error))
}

/// `12.5` is 1250. Further decimals, which dib takes too, are cut.
pub(super) fn hundredths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || !digits(whole) || !digits(part) {
        return None;
    }
    let whole: u32 = whole.parse().ok()?;
    let part: u32 = format!("{part:0<2}")[..2].parse().ok()?;
    Some(whole * 100 + part).filter(|share| (1..=10_000).contains(share))
}

/// Its entry of a GPT.
pub(super) fn gpt(node: &BlockNode, seed: &Seed) -> Result<PartKind, Fault> {
    if let Some(flag) = flag(node, "primary") {
        return Err(flag.at.bad("a GPT has no primary partitions").hint("remove the flag"));
    }
    let type_guid = match node.keys.get("type") {
        Some(value) => gpt_type(value.text().unwrap_or_default()).map_err(|why| value.at.bad(why))?,
        None => guid_of(LINUX),
    };
    let guid = match node.keys.get("guid") {
        Some(value) => uuid(value)?,
        None => seed.uuid(&format!("partition {}", node.name), 0),
    };
    if node.name.encode_utf16().count() > 36 {
        return Err(node
            .at
            .bad(format!("`{}` is longer than the 36 characters of a GPT's names", node.name)));
    }
    Ok(PartKind::Gpt { type_guid, guid, attributes: attributes(node)? })
}

/// Its entry of an MBR.
pub(super) fn mbr(node: &BlockNode) -> Result<PartKind, Fault> {
    for key in ["guid", "attributes"] {
        if let Some(value) = node.keys.get(key) {
            return Err(value.at.bad(format!("an MBR has no place for `{key}`")).hint("use `label: gpt`"));
        }
    }
    let type_byte = match node.keys.get("type") {
        Some(value) => mbr_type(value.text().unwrap_or_default()).map_err(|why| value.at.bad(why))?,
        None => 0x83,
    };
    Ok(PartKind::Mbr {
        type_byte,
        active: flag(node, "boot").is_some(),
        primary: flag(node, "primary").is_some(),
    })
}

/// Its number, if it must have a certain one.
pub(super) fn number(node: &BlockNode) -> Result<Option<u32>, Fault> {
    let Some(value) = node.keys.get("number") else { return Ok(None) };
    match value.text().unwrap_or_default().parse() {
        Ok(number @ 1..=128) => Ok(Some(number)),
        _ => Err(value.at.bad("partition numbers are 1 to 128")),
    }
}

/// A UUID in its usual form.
pub(super) fn uuid(value: &Yaml) -> Result<Uuid, Fault> {
    let text = value.text().unwrap_or_default();
    Uuid::try_parse(text).ok().filter(|uuid| text.len() == 36 && !uuid.is_nil()).ok_or_else(|| {
        value.at.bad(format!("`{text}` is not a UUID such as 9e1a2d38-c612-4316-aa26-8b49521e5a8b"))
    })
}

fn flag<'a>(node: &'a BlockNode, word: &str) -> Option<&'a Yaml> {
    node.keys.get("flags")?.items().iter().find(|flag| flag.text() == Some(word))
}

/// Attribute bits of UEFI 2.10, table 5-8, and bits 60 to 63 as Windows uses them.
const ATTRIBUTES: [(&str, u32); 7] = [
    ("required", 0),
    ("no-block-io", 1),
    ("legacy-boot", 2),
    ("grow", 59),
    ("read-only", 60),
    ("hidden", 62),
    ("no-auto", 63),
];

fn attributes(node: &BlockNode) -> Result<u64, Fault> {
    let Some(value) = node.keys.get("attributes") else { return Ok(0) };
    let Node::List(words) = &value.node else {
        let text = value.text().unwrap_or_default();
        let number = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        return number.map_err(|_| value.at.bad(format!("`{text}` is not a 64-bit number")));
    };
    words.iter().try_fold(0, |bits, word| {
        let text = word.text().unwrap_or_default();
        match ATTRIBUTES.iter().find(|(name, _)| *name == text) {
            Some((_, bit)) => Ok(bits | 1 << bit),
            None => {
                let known: Vec<&str> = ATTRIBUTES.iter().map(|(name, _)| *name).collect();
                Err(word.at.bad(format!("unknown attribute `{text}`; there are {}", known.join(", "))))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_two_decimals() {
        assert_eq!(
            ["100", "12.5", "0.01", "33.33", "33.33399", "5."].map(hundredths),
            [Some(10_000), Some(1250), Some(1), Some(3333), Some(3333), Some(500)]
        );
        assert_eq!(["", "0", "100.01", "0.009", "-5", ".5", "1e2", "1234"].map(hundredths), [None; 8]);
    }
}
