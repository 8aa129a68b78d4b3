//! Long names, and the short ones that stand beside them.
//!
//! In: the names of one directory. Out: UTF-16 units and an 8.3 alias for each. Never: an alias that depends on anything
//! but the set of names.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

/// Units of a long name; 13 fit a record.
const UNITS_MAX: usize = 255;
pub(crate) const UNITS_PER_RECORD: usize = 13;

/// A name as FAT keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// Eight bytes and three, padded with spaces.
    pub(crate) short: [u8; 11],
    /// UTF-16 units of the long name; empty if the short one says it all.
    pub(crate) long: Vec<u16>,
}

impl Name {
    /// Directory records that it takes: its long parts, and the short one.
    pub(crate) fn records(&self) -> u64 {
        1 + self.long.len().div_ceil(UNITS_PER_RECORD) as u64
    }
}

/// A name as text, or why FAT cannot hold it.
pub(crate) fn checked(name: &[u8]) -> Result<&str, &'static str> {
    let text = core::str::from_utf8(name).map_err(|_| "it is not UTF-8")?;
    if text.chars().any(|c| c < ' ' || c == '\x7f') {
        return Err("it has a control character");
    }
    if text.contains(['"', '*', '/', ':', '<', '>', '?', '\\', '|']) {
        return Err(r#"it has one of " * / : < > ? \ |"#);
    }
    if text.ends_with(['.', ' ']) {
        return Err("it ends in a dot or a space");
    }
    if text.encode_utf16().count() > UNITS_MAX {
        return Err("it is longer than 255 UTF-16 units");
    }
    Ok(text)
}

/// What is equal for two names that FAT does not tell apart: every character in upper case, where that is one character.
pub(crate) fn folded(name: &str) -> String {
    name.chars().map(upper).collect()
}

fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) => upper,
        _ => c,
    }
}

/// A name for each of the directory's texts, in their order. Texts that are 8.3 but for letter case keep that alias; the
/// others get `BASE~1.EXT` and so on, in their order.
pub(crate) fn names(texts: &[&str]) -> Vec<Name> {
    let bases: Vec<Base> = texts.iter().map(|text| Base::of(text)).collect();
    let mut aliases = Aliases::default();
    aliases.taken.extend(bases.iter().filter(|base| base.lossless).map(|base| base.short(None)));
    let mut names = Vec::with_capacity(texts.len());
    for (text, base) in texts.iter().zip(&bases) {
        let short = if base.lossless { base.short(None) } else { aliases.numbered(base) };
        // A record of flags could say "all lower case", but not every firmware reads it: a long name is always understood.
        let long = if base.lossless && text.bytes().all(|b| !b.is_ascii_lowercase()) {
            Vec::new()
        } else {
            text.encode_utf16().collect()
        };
        names.push(Name { short, long });
    }
    names
}

/// The two parts of an alias before they are cut.
struct Base {
    basename: Vec<u8>,
    extension: Vec<u8>,
    lossless: bool,
}

impl Base {
    fn of(text: &str) -> Base {
        let (basename, extension) = match text.trim_start_matches('.').rsplit_once('.') {
            Some((_, extension)) => (&text[..text.len() - extension.len() - 1], extension),
            None => (text, ""),
        };
        let (basename, basename_whole) = short_part(basename);
        let (mut extension, extension_whole) = short_part(extension);
        let fits = !basename.is_empty() && basename.len() <= 8 && extension.len() <= 3;
        extension.truncate(3);
        Base { basename, extension, lossless: fits && basename_whole && extension_whole }
    }

    fn short(&self, number: Option<u32>) -> [u8; 11] {
        let mut short = [b' '; 11];
        let tail = number.map(|n| alloc::format!("~{n}")).unwrap_or_default();
        let basename = self.basename.iter().take(8 - tail.len().min(8)).copied().chain(tail.bytes());
        for (place, byte) in short[..8].iter_mut().zip(basename) {
            *place = byte;
        }
        for (place, byte) in short[8..].iter_mut().zip(&self.extension) {
            *place = *byte;
        }
        short
    }
}

/// The aliases of one directory.
#[derive(Default)]
struct Aliases {
    taken: BTreeSet<[u8; 11]>,
    /// The number to go on with for each beginning of an alias.
    next: BTreeMap<AliasStart, u32>,
}

/// What numbered aliases have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct AliasStart {
    basename: Vec<u8>,
    extension: Vec<u8>,
}

impl Aliases {
    /// The first free `BASE~N`. Where to go on is remembered for each beginning, so many alike names take linear time.
    fn numbered(&mut self, base: &Base) -> [u8; 11] {
        let basename = base.basename.iter().take(6).copied().collect();
        let start = AliasStart { basename, extension: base.extension.clone() };
        let number = self.next.entry(start).or_insert(1);
        loop {
            let short = base.short(Some(*number));
            *number += 1;
            if self.taken.insert(short) {
                return short;
            }
        }
    }
}

/// Upper case; spaces and dots dropped, what 8.3 does not take replaced; and whether only case was changed.
fn short_part(text: &str) -> (Vec<u8>, bool) {
    let mut whole = true;
    let mut part = Vec::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' | '.' => whole = false,
            c if c.is_ascii_alphanumeric() || "!#$%&'()-@^_`{}~".contains(c) => {
                part.push(c.to_ascii_uppercase() as u8);
            }
            _ => {
                whole = false;
                part.push(b'_');
            }
        }
    }
    (part, whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn shorts(texts: &[&str]) -> Vec<String> {
        names(texts).iter().map(|n| core::str::from_utf8(&n.short).unwrap().to_string()).collect()
    }

    #[test]
    fn aliases_are_the_first_free_ones() {
        assert_eq!(
            shorts(&["BOOTX64.EFI", "LONGFI~1.TXT", "grub.cfg", "longfilename1.txt", "longfilename2.txt"]),
            ["BOOTX64 EFI", "LONGFI~1TXT", "GRUB    CFG", "LONGFI~2TXT", "LONGFI~3TXT"]
        );
        assert_eq!(
            shorts(&[".disk", "a.b.c", "naïve.txt", "x+y", "中文"]),
            ["DISK~1     ", "AB~1    C  ", "NA_VE~1 TXT", "X_Y~1      ", "__~1       "]
        );
        assert!(names(&["GRUB.CFG"])[0].long.is_empty());
        assert_eq!(names(&["grub.cfg"])[0].long.len(), 8);
        assert_eq!(names(&["thirteen char"])[0].records(), 2);
        assert_eq!(names(&["fourteen chars"])[0].records(), 3);
    }

    #[test]
    fn a_thousand_alike_names_get_a_thousand_aliases() {
        let texts: Vec<String> = (0..1000).map(|n| alloc::format!("a long name {n:04}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let shorts: BTreeSet<String> = shorts(&texts).into_iter().collect();
        assert_eq!(shorts.len(), 1000);
        assert!(shorts.contains("ALONG~10   ") && shorts.contains("ALO~1000   "), "{shorts:?}");
    }

    #[test]
    fn folding_is_by_single_characters() {
        assert_eq!(folded("Grün"), folded("GRÜN"));
        assert_ne!(folded("ß"), folded("SS"));
    }
}
