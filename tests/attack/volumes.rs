//! A volume group of LVM that is small enough to be damaged by the thousand: extents of 4 KiB behind an area of metadata of 8 KiB.
//!
//! In: what the volume holds. Out: a disk that is one physical volume, where its numbers are, and its checksums made right. Never: a program of
//! lvm2's; that lvm2 would take it is not what counts, but that the reader does before it is damaged.

use dibber_tests::craft::put;

use crate::fields::Field;

const LABEL: usize = 512;
const AREA: usize = 4096;
const AREA_LEN: usize = 8192;
/// Where the extents begin.
const DATA: usize = AREA + AREA_LEN;
const EXTENT: usize = 4096;
const ID: &str = "aaaaaa-bbbb-cccc-dddd-eeee-ffff-gggggg";

/// A disk whose first volume holds `inner`, in two segments, and whose second one is of a kind that is not read.
pub(crate) fn disk(inner: &[u8]) -> Vec<u8> {
    let mut disk = vec![0; DATA + inner.len()];
    disk[DATA..].copy_from_slice(inner);
    disk[LABEL..LABEL + 8].copy_from_slice(b"LABELONE");
    disk[LABEL + 24..LABEL + 32].copy_from_slice(b"LVM2 001");
    disk[LABEL + 32..LABEL + 64].copy_from_slice(ID.replace('-', "").as_bytes());
    let len = disk.len() as u64;
    put(&mut disk[LABEL..], 4, &[(8, 1), (20, 32)]);
    put(&mut disk[LABEL..], 8, &[(64, len), (72, DATA as u64), (104, AREA as u64), (112, AREA_LEN as u64)]);
    let extents = inner.len() / EXTENT;
    let segment = |name: &str, first: usize, count: usize, kind: &str| {
        format!(
            "{name} {{\nstart_extent = {first}\nextent_count = {count}\ntype = \"{kind}\"\nstripe_count = 1\nstripes = [\"pv0\", {first}]\n}}\n"
        )
    };
    let volume = |name: &str, segments: &str| {
        format!(
            "{name} {{\nid = \"{ID}\"\nstatus = [\"READ\", \"WRITE\", \"VISIBLE\"]\nsegment_count = 2\n{segments}}}\n"
        )
    };
    let root = segment("segment1", 0, 1, "striped") + &segment("segment2", 1, extents - 1, "striped");
    let text = format!(
        "vg {{\nid = \"{ID}\"\nseqno = 1\nformat = \"lvm2\"\nextent_size = {}\nphysical_volumes {{\npv0 {{\nid = \"{ID}\"\n\
         dev_size = {}\npe_start = {}\npe_count = {extents}\n}}\n}}\nlogical_volumes {{\n{}{}}}\n}}\nversion = 1\n\0",
        EXTENT / 512,
        len / 512,
        DATA / 512,
        volume("root", &root),
        volume("other", &segment("segment1", 0, 1, "raid1")),
    );
    disk[AREA + 4..AREA + 20].copy_from_slice(b" LVM2 x[5A%r0N*>");
    put(&mut disk[AREA..], 4, &[(20, 1)]);
    put(
        &mut disk[AREA..],
        8,
        &[(24, AREA as u64), (32, AREA_LEN as u64), (40, 512), (48, text.len() as u64)],
    );
    disk[AREA + 512..AREA + 512 + text.len()].copy_from_slice(text.as_bytes());
    mend(&mut disk);
    disk
}

/// The numbers of label and header, and every digit and brace of the text.
pub(crate) fn fields(disk: &[u8], fields: &mut Vec<Field>) {
    if !is_one(disk) {
        return;
    }
    let wide = |width: usize| move |at: usize| Field { at, width, big_endian: false };
    fields.extend([LABEL + 20, AREA + 20].map(wide(4)));
    let eights = [64, 72, 80, 88, 96, 104, 112, 120].map(|at| LABEL + at);
    fields.extend(eights.into_iter().chain([24, 32, 40, 48].map(|at| AREA + at)).map(wide(8)));
    let text = AREA + 512..DATA.min(disk.len());
    let tells = |at: &usize| disk[*at].is_ascii_digit() || b"{}[]=\",".contains(&disk[*at]);
    fields.extend(text.filter(tells).map(wide(1)));
}

/// Makes its checksums right, as far as what they are taken of is there.
pub(crate) fn mend(disk: &mut [u8]) {
    if !is_one(disk) {
        return;
    }
    let number = |disk: &[u8], at: usize| {
        usize::try_from(u64::from_le_bytes(disk[at..at + 8].try_into().expect("eight bytes")))
            .unwrap_or(usize::MAX)
    };
    let (start, len) = (number(disk, AREA + 40), number(disk, AREA + 48));
    let text = start.checked_add(AREA).and_then(|start| Some(start..start.checked_add(len)?));
    if let Some(sum) = text.and_then(|text| disk.get(text)).map(crc) {
        put(&mut disk[AREA..], 4, &[(56, sum.into())]);
    }
    let sum = crc(&disk[AREA + 4..AREA + 512]);
    put(&mut disk[AREA..], 4, &[(0, sum.into())]);
    let sum = crc(&disk[LABEL + 20..LABEL + 512]);
    put(&mut disk[LABEL..], 4, &[(16, sum.into())]);
}

fn is_one(disk: &[u8]) -> bool {
    disk.get(LABEL..LABEL + 8) == Some(b"LABELONE") && disk.len() >= DATA
}

/// lvm2's checksum (`lib/misc/crc.c`): CRC-32 with another start, and not inverted at its end.
fn crc(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(!0xf597_a6cf);
    hasher.update(bytes);
    !hasher.finalize()
}
