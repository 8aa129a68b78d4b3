//! The fstab of an image.
//!
//! In: its text. Out: which partition goes where. Never: more mounts than a system has.

use super::disk::Holder;

/// Most lines that count.
const MOUNTS_MAX: usize = 256;

/// A line that mounts something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount<'a> {
    /// The device, label or UUID.
    pub(super) what: &'a str,
    /// The absolute path.
    pub(super) place: Vec<u8>,
}

/// The mounts in order.
pub(super) fn mounts(fstab: &str) -> impl Iterator<Item = Mount<'_>> {
    let lines = fstab.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let mounts = lines.filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (what, place) = (fields.next()?, fields.next()?);
        place.starts_with('/').then(|| Mount { what, place: unescaped(place) })
    });
    mounts.take(MOUNTS_MAX)
}

/// Whether fstab's first field means this partition or logical volume. A device's name is known by its number only.
pub(super) fn means(what: &str, holder: Holder<'_>) -> bool {
    let (filesystem, part) = match holder {
        Holder::Partition(part) => (&part.filesystem, Some(part)),
        Holder::Volume(_, volume) => (&volume.filesystem, None),
    };
    let Some(fs) = filesystem else { return false };
    let same =
        |ours: &str, theirs: &str| !ours.is_empty() && ours.eq_ignore_ascii_case(theirs.trim_matches('"'));
    match what.split_once('=') {
        Some(("LABEL", label)) => fs.label == label.trim_matches('"') && !fs.label.is_empty(),
        Some(("UUID", uuid)) => same(&fs.uuid, uuid),
        Some(("PARTLABEL", label)) => {
            part.is_some_and(|part| part.name == label.trim_matches('"') && !part.name.is_empty())
        }
        Some(("PARTUUID", guid)) => {
            part.and_then(|part| part.guid.as_deref()).is_some_and(|ours| same(ours, guid))
        }
        _ => match holder {
            Holder::Partition(part) => {
                let disks = ["/dev/sda", "/dev/vda", "/dev/xvda", "/dev/nvme0n1p", "/dev/mmcblk0p"];
                disks
                    .iter()
                    .any(|disk| what.strip_prefix(disk).is_some_and(|rest| rest == part.number.to_string()))
            }
            Holder::Volume(group, volume) => device_of(what, &group.name, &volume.name),
        },
    }
}

/// Whether a path is `/dev/GROUP/VOLUME`, or that of the device mapper, which doubles hyphens within names.
fn device_of(path: &str, group: &str, volume: &str) -> bool {
    let plain = path.strip_prefix("/dev/").and_then(|rest| rest.split_once('/'));
    let doubled = |name: &str| name.replace('-', "--");
    plain == Some((group, volume))
        || path
            .strip_prefix("/dev/mapper/")
            .is_some_and(|name| name == [doubled(group), doubled(volume)].join("-"))
}

/// fstab writes a space as `\040`.
fn unescaped(text: &str) -> Vec<u8> {
    let (mut out, bytes) = (Vec::new(), text.as_bytes());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        let octal = digits.filter(|_| *byte == b'\\').and_then(|digits| u8::from_str_radix(digits, 8).ok());
        out.push(octal.unwrap_or(*byte));
        at += if octal.is_some() { 4 } else { 1 };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_mount() {
        let text = "# /dev/sda1 /no\n\n /dev/sda2  /a\\040b ext4 x 0 0\nLABEL=x none swap\nUUID=y /c\n";
        let all: Vec<_> = mounts(text).collect();
        let wanted = [("/dev/sda2", "/a b"), ("UUID=y", "/c")];
        assert_eq!(all, wanted.map(|(what, place)| Mount { what, place: place.into() }));
        assert_eq!(mounts(&"LABEL=a /b\n".repeat(1000)).count(), MOUNTS_MAX);
    }
}
