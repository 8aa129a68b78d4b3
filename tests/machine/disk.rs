//! Disks before their judges: sgdisk, sfdisk, fdisk, partx, blkid, qemu-img and two independent readers.
#![allow(clippy::unwrap_used, reason = "a test without its material fails there")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use dibber_format::disk::{BootCode, DiskContent, DiskError, compose};
use dibber_format::{grub, swap, vhd};
use dibber_layout::{LayoutError, Loaders, Measured, solve};
use dibber_model::{
    Bytes, DiskLayout, DiskSpec, Extents, FsKind, PartContents, PartKind, PartSpec, SectorSize, SizeRule,
    TableKind, Timestamp,
};
use proptest::prelude::*;
use tempfile::TempDir;

use dibber_tests::disks::*;
use dibber_tests::{accepts, flip_bit, objects, run, write_image};

/// A place with the disk in it as `disk`.
fn made(layout: &DiskLayout) -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let image = place.path().join("disk");
    write_image(&compose(layout, content(layout)).unwrap(), &[], &image);
    assert_eq!(fs::metadata(&image).unwrap().len(), layout.len());
    (place, image)
}

/// Number, first sector and count of every partition, with its type, as `sfdisk --json` sees them.
fn sfdisk(image: &Path) -> (serde_json::Value, Vec<(u32, u64, u64, String)>) {
    // Standard output only: sfdisk reads 60 partitions of an MBR, and warns if there are more.
    let output = run("sfdisk", &["--json", image.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table =
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["partitiontable"].clone();
    let empty = Vec::new();
    let parts = table["partitions"].as_array().unwrap_or(&empty);
    let prefix = image.to_str().unwrap();
    let row = |p: &serde_json::Value| {
        let number = p["node"].as_str().unwrap().strip_prefix(prefix).unwrap().parse().unwrap();
        let kind = p["type"].as_str().unwrap().to_lowercase();
        (number, p["start"].as_u64().unwrap(), p["size"].as_u64().unwrap(), kind)
    };
    (table.clone(), parts.iter().map(row).collect())
}

/// The same out of the layout.
fn wanted(layout: &DiskLayout) -> Vec<(u32, u64, u64, String)> {
    let sector = layout.spec().sector.bytes();
    let mut rows: Vec<_> = layout
        .parts()
        .iter()
        .map(|part| {
            let kind = match &part.spec.kind {
                PartKind::Gpt { type_guid, .. } => type_guid.to_string(),
                PartKind::Mbr { type_byte, .. } => format!("{type_byte:x}"),
                PartKind::Bare => String::new(),
            };
            (part.number, part.start / sector, part.len / sector, kind)
        })
        .collect();
    rows.sort();
    rows
}

fn sgdisk_clean(image: &Path) {
    let said = accepts("sgdisk", &["-v", image.to_str().unwrap()]);
    assert!(said.contains("No problems found"), "{said}");
    for word in ["Caution", "Warning", "corrupt", "damaged", "overlap"] {
        assert!(!said.contains(word), "{said}");
    }
}

/// A GPT in the eyes of gptman, which reads any sector size and checks both CRCs.
fn gptman_agrees(layout: &DiskLayout, image: &Path) {
    let sector = layout.spec().sector.bytes();
    let gpt = gptman::GPT::read_from(&mut File::open(image).unwrap(), sector).unwrap();
    assert!(gpt.header.is_primary());
    let TableKind::Gpt { disk } = layout.spec().table else { panic!("no GPT") };
    assert_eq!(gpt.header.disk_guid, disk.to_bytes_le());
    let used = gpt.iter().filter(|(_, entry)| entry.is_used()).count();
    assert_eq!(used, layout.parts().len());
    for part in layout.parts() {
        let entry = &gpt[part.number];
        let PartKind::Gpt { type_guid, guid, attributes } = part.spec.kind else { panic!("no GPT") };
        assert_eq!(entry.partition_type_guid, type_guid.to_bytes_le());
        assert_eq!(entry.unique_partition_guid, guid.to_bytes_le());
        assert_eq!(entry.attribute_bits, attributes);
        assert_eq!(entry.starting_lba, part.start / sector);
        assert_eq!(entry.size().unwrap(), part.len / sector);
        assert_eq!(entry.partition_name.as_str(), part.spec.name);
    }
    // The backup alone, as after a lost first MiB.
    flip_bit(image, sector);
    let backup = gptman::GPT::read_from(&mut File::open(image).unwrap(), sector).unwrap();
    flip_bit(image, sector);
    assert!(backup.header.is_backup());
    assert!(backup.iter().eq(gpt.iter()));
}

#[test]
fn a_hybrid_gpt_is_clean() {
    let mut spec = hybrid();
    spec.parts.push(gpt_part("swap", SWAP, mib(32), fs(FsKind::Swap, "swap0", "", 9)));
    // As Debian's cloud images number them.
    for (part, number) in spec.parts.iter_mut().zip([15, 14, 1, 3]) {
        part.number = Some(number);
    }
    if let PartKind::Gpt { attributes, .. } = &mut spec.parts[1].kind {
        *attributes = 1 << 2;
    }
    let layout = laid(&spec);
    let (_place, image) = made(&layout);
    sgdisk_clean(&image);
    gptman_agrees(&layout, &image);
    let path = image.to_str().unwrap();
    let (table, parts) = sfdisk(&image);
    assert_eq!(parts, wanted(&layout));
    assert_eq!(table["id"].as_str().unwrap().to_lowercase(), "d15c0000-0000-8000-8000-000000000001");
    assert_eq!(table["lastlba"].as_u64().unwrap(), layout.len() / 512 - 34);
    assert!(accepts("sfdisk", &["--verify", path]).contains("No errors detected"));
    let print = accepts("sgdisk", &["-p", path]);
    for line in ["EF00  ESP", "EF02  BSP", "8300  root", "8200  swap"] {
        assert!(print.contains(line), "{print}");
    }
    let info = accepts("sgdisk", &["-i", "14", path]);
    assert!(info.contains("Attribute flags: 0000000000000004"), "{info}");
    let partx = accepts("partx", &["-g", "-o", "NR,START,SECTORS,NAME,UUID", "--show", path]);
    assert!(partx.lines().any(|l| l.split_whitespace().take(2).eq(["1", "135168"])), "{partx}");
    let blkid = accepts("blkid", &["-p", "-o", "export", path]);
    assert!(blkid.contains("PTUUID=d15c0000-0000-8000-8000-000000000001\nPTTYPE=gpt"), "{blkid}");
    let code = fs::read(&image).unwrap();
    assert!(code[..440].iter().all(|b| *b == 0xb0) && code[440..446] == [0; 6]);
    assert_eq!(code[446..451], [0, 0, 2, 0, 0xee]);
    assert_eq!(code[454..458], 1u32.to_le_bytes());
    assert_eq!(code[458..462], ((layout.len() / 512 - 1) as u32).to_le_bytes());
    blkid_finds(&layout, &image, "ESP", &["TYPE=vfat", "LABEL=ESP", "UUID=00E2-BBD1"]);
    let swap = format!("UUID={}", id(9));
    blkid_finds(&layout, &image, "swap", &["TYPE=swap", "LABEL=swap0", &swap]);
}

/// What blkid says of one partition, by its place on the disk.
fn blkid_finds(layout: &DiskLayout, image: &Path, name: &str, lines: &[&str]) {
    let part = layout.parts().iter().find(|part| part.spec.name == name).unwrap();
    let (start, len) = (part.start.to_string(), part.len.to_string());
    let said = accepts("blkid", &["-p", "-o", "export", "-O", &start, "-S", &len, image.to_str().unwrap()]);
    for line in lines {
        assert!(said.lines().any(|l| l == *line), "{line}: {said}");
    }
}

#[test]
fn a_gpt_of_4096_byte_sectors_is_read() {
    let parts = vec![
        gpt_part("ESP", ESP, mib(64), fs(FsKind::Vfat, "ESP", "/boot/efi", 1)),
        gpt_part("root", LINUX, CONTENT, fs(FsKind::Ext4, "root", "/", 2)),
    ];
    let layout = laid(&DiskSpec { sector: SectorSize::B4096, ..disk(GPT, None, parts) });
    let (_place, image) = made(&layout);
    gptman_agrees(&layout, &image);
    let said = accepts("fdisk", &["-b", "4096", "-l", image.to_str().unwrap()]);
    assert!(said.contains("Disklabel type: gpt") && said.contains("= 4096 bytes"), "{said}");
    for word in ["corrupt", "backup GPT table is", "mismatch"] {
        assert!(!said.contains(word), "{said}");
    }
    // partx reads sectors of 4096 bytes and counts in 512.
    let first = |name: &str| layout.parts().iter().find(|p| p.spec.name == name).unwrap().start / 512;
    let path = image.to_str().unwrap();
    let partx = accepts("partx", &["-S", "4096", "-g", "-o", "NR,START", "--show", path]);
    assert!(partx.lines().any(|l| l.split_whitespace().eq(["2", &first("root").to_string()])), "{partx}");
}

#[test]
fn an_mbr_with_logical_partitions_is_clean() {
    let parts = vec![
        mbr_part("root", (0x83, true, true), mib(100)),
        mbr_part("prep", (0x41, false, true), mib(8)),
        mbr_part("a", (0x83, false, false), mib(10)),
        mbr_part("b", (0x82, false, false), mib(20)),
        mbr_part("c", (0x8e, false, false), REST),
    ];
    // Past cylinder 255, where dib's CHS goes wrong.
    let layout = laid(&disk(MBR, Some(Bytes::gib(9)), parts));
    let (_place, image) = made(&layout);
    let path = image.to_str().unwrap();
    let (table, parts) = sfdisk(&image);
    let extended = (3, 223_232, (9 << 21) - 223_232, "f".to_string());
    let mut want = wanted(&layout);
    want.insert(2, extended);
    assert_eq!(parts, want);
    assert_eq!(table["id"], "0xd15c0001");
    assert_eq!(table["partitions"][0]["bootable"], true);
    let verify = accepts("sfdisk", &["--verify", path]);
    assert!(verify.contains("No errors detected"), "{verify}");
    assert!(!verify.contains("CHS") && !verify.contains("physical/logical"), "{verify}");
    let mbr = mbrman::MBR::read_from(&mut File::open(&image).unwrap(), 512).unwrap();
    assert_eq!(mbr.header.disk_signature, 0xd15c_0001u32.to_le_bytes());
    for part in layout.parts() {
        let entry = mbr.get(part.number as usize).unwrap();
        let (start, count) = ((part.start / 512) as u32, (part.len / 512) as u32);
        assert_eq!(chs(entry.first_chs), by_geometry(start));
        assert_eq!(chs(entry.last_chs), by_geometry(start + count - 1));
    }
    assert_eq!(mbr.logical_partitions.len(), 3);
    let partx = accepts("partx", &["-g", "-o", "NR,START,SECTORS,TYPE", "--show", path]);
    assert!(partx.lines().any(|l| l.split_whitespace().take(2).eq(["5", "225280"])), "{partx}");
    let file = accepts("file", &[path]);
    assert!(file.contains("DOS/MBR boot sector"), "{file}");
}

fn chs(chs: mbrman::CHS) -> (u32, u32, u32) {
    (chs.cylinder.into(), chs.head.into(), chs.sector.into())
}

/// 255 heads, 63 sectors, and the last address for all that lies past cylinder 1023.
fn by_geometry(lba: u32) -> (u32, u32, u32) {
    let cylinder = lba / (255 * 63);
    if cylinder > 1023 { (1023, 254, 63) } else { (cylinder, lba / 63 % 255, lba % 63 + 1) }
}

#[test]
fn dibs_own_mbr_cases() {
    // test_mbr.py: partx of one logical partition, then of 64.
    let logical = |n: usize, size| mbr_part(&format!("p{n}"), (0x83, false, false), size);
    let (_place, image) = made(&laid(&disk(MBR, Some(Bytes::gib(1)), vec![logical(0, mib(10))])));
    let partx = accepts("partx", &["-g", "-o", "NR,START,END,TYPE", "--show", image.to_str().unwrap()]);
    let rows: Vec<Vec<&str>> = partx.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(rows, [["1", "2048", "2097151", "0xf"], ["5", "4096", "24575", "0x83"]]);
    let many = laid(&disk(MBR, Some(Bytes::gib(1)), (0..64).map(|n| logical(n, mib(10))).collect()));
    let (_place, image) = made(&many);
    assert_eq!(sfdisk(&image).1[1..], wanted(&many)[..56]);
    let mbr = mbrman::MBR::read_from(&mut File::open(&image).unwrap(), 512).unwrap();
    let read = |(number, ..): &(u32, u64, u64, String)| {
        let entry = mbr.get(*number as usize).unwrap();
        (*number, entry.starting_lba.into(), entry.sectors.into(), format!("{:x}", entry.sys))
    };
    assert_eq!(wanted(&many).iter().map(read).collect::<Vec<_>>(), wanted(&many));
    assert_eq!(mbr.logical_partitions.len(), 64);
    let three = ["a", "b", "c"].map(|name| mbr_part(name, (0x83, false, true), mib(10))).to_vec();
    let (_place, image) = made(&laid(&disk(MBR, Some(Bytes::gib(1)), three)));
    let starts: Vec<u64> = sfdisk(&image).1.iter().map(|p| p.1).collect();
    assert_eq!(starts, [2048, 22_528, 43_008]);
}

#[test]
fn boot_code_leaves_the_table_alone() {
    let mut spec = mbr();
    spec.size = Some(Bytes::mib(64));
    let layout = laid(&spec);
    let (_place, image) = made(&layout);
    assert_eq!(sfdisk(&image).1, wanted(&layout));
    let bytes = fs::read(&image).unwrap();
    assert!(bytes[..440].iter().all(|b| *b == 0xb0));
    assert!(bytes[512..512 + 40_448].iter().all(|b| *b == 0xc0) && bytes[512 + 40_448] == 0);
    let refused = |change: &dyn Fn(&mut DiskContent)| {
        let mut content = content(&layout);
        change(&mut content);
        compose(&layout, content).unwrap_err()
    };
    assert!(matches!(refused(&|c| c.boot_code = None), DiskError::BootCode(_)));
    let long = BootCode { first: [0; 440], gap: Some(vec![0; 1 << 20]) };
    let error = refused(&|c| c.boot_code = Some(long.clone()));
    assert_eq!(error, DiskError::GapTooSmall { wanted: 1 << 20, available: (1 << 20) - 512 });
    assert!(matches!(refused(&|c| c.parts.clear()), DiskError::NoContent { .. }));
    let root = Extents::hole(1 << 30);
    let error = refused(&|c| drop(c.parts.insert("root".to_string(), root.clone()))).to_string();
    assert!(error.contains("`root` has 1073741824 bytes"), "{error}");
    let error = refused(&|c| drop(c.parts.insert("none".to_string(), Extents::hole(1)))).to_string();
    assert!(error.contains("`none`"), "{error}");
}

#[test]
fn a_bare_disk_is_its_filesystem() {
    let root = PartSpec { contents: fs(FsKind::Vfat, "img", "/", 2), ..bare().parts[0].clone() };
    let layout = laid(&DiskSpec { parts: vec![root], ..bare() });
    let (_place, image) = made(&layout);
    assert!(accepts("blkid", &["-p", "-o", "export", image.to_str().unwrap()]).contains("TYPE=vfat"));
    accepts("fsck.fat", &["-n", image.to_str().unwrap()]);
}

#[test]
fn names_fit_a_gpt_or_are_refused() {
    let named =
        |name: &str| laid(&disk(GPT, None, vec![gpt_part(name, LINUX, mib(1), PartContents::Nothing)]));
    let name = "thirty-six units, some of them ét 𝄞";
    assert_eq!(name.encode_utf16().count(), 36);
    let layout = named(name);
    let (_place, image) = made(&layout);
    sgdisk_clean(&image);
    assert_eq!(sfdisk(&image).0["partitions"][0]["name"], name);
    let layout = named(&format!("{name}x"));
    let error = compose(&layout, content(&layout)).unwrap_err().to_string();
    assert!(error.contains("has 37 UTF-16 units, and a GPT holds 36"), "{error}");
}

#[test]
fn swap_is_what_swaplabel_and_blkid_know() {
    let place = tempfile::tempdir().unwrap();
    let image = place.path().join("swap");
    let path = image.to_str().unwrap();
    for (page, len) in [(4096, 8 << 20), (65_536, 8 << 20), (4096, 40_960)] {
        write_image(&swap::write("sixteen bytes 16", id(7), len, page).unwrap(), &[], &image);
        let said = accepts("swaplabel", &[path]);
        assert!(said.contains("sixteen bytes 16") && said.contains(&id(7).to_string()), "{said}");
        let said = accepts("blkid", &["-p", "-o", "export", path]);
        assert!(said.contains("TYPE=swap") && said.contains("VERSION=1"), "{said}");
        // `file` counts the pages after the first.
        let said = accepts("file", &[path]);
        assert!(page != 4096 || said.contains(&format!("size {} pages", len / page - 1)), "{said}");
        flip_bit(&image, page - 1);
        objects("swaplabel", &[path]);
        fs::remove_file(&image).unwrap();
    }
    assert!(swap::write("x", id(7), 40_959, 4096).unwrap_err().to_string().contains("at least 40960 bytes"));
    assert!(swap::write("seventeen bytes17", id(7), 1 << 20, 4096).is_err());
    assert!(swap::write("x", id(7), 1 << 20, 1000).is_err());
    assert!(swap::write("x", id(7), u64::MAX, 4096).is_err());
}

#[test]
fn a_fixed_vhd_has_the_disk_in_it() {
    let layout = laid(&hybrid());
    let (place, raw) = made(&layout);
    let whole = compose(&layout, content(&layout)).unwrap();
    let image = place.path().join("disk.vhd");
    let disk = vhd::fixed(whole, id(5), Timestamp::from_secs(1_700_000_000)).unwrap();
    write_image(&disk, &[], &image);
    let path = image.to_str().unwrap();
    let info = accepts("qemu-img", &["info", "-f", "vpc", "--output=json", path]);
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    assert_eq!(info["virtual-size"].as_u64().unwrap(), layout.len());
    let said = accepts("qemu-img", &["compare", "-f", "vpc", "-F", "raw", path, raw.to_str().unwrap()]);
    assert!(said.contains("Images are identical"), "{said}");
    let back = place.path().join("back");
    accepts("qemu-img", &["convert", "-f", "vpc", "-O", "raw", path, back.to_str().unwrap()]);
    assert!(fs::read(&back).unwrap() == fs::read(&raw).unwrap());
    assert!(accepts("file", &[path]).contains("DOS/MBR"));
    // qemu only warns of a wrong sum, in the footer's size field; a broken cookie it refuses.
    let said = accepts("qemu-img", &["info", "-f", "vpc", path]);
    assert!(!said.contains("checksum"), "{said}");
    flip_bit(&image, layout.len() + 55);
    let said = run("qemu-img", &["info", "-f", "vpc", path]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("checksum"), "{said:?}");
    flip_bit(&image, layout.len());
    objects("qemu-img", &["info", "-f", "vpc", path]);
    let odd = vhd::fixed(Extents::hole((3 << 20) + 1), id(5), Timestamp::default()).unwrap();
    assert_eq!(odd.len(), (4 << 20) + 512);
    assert!(vhd::fixed(Extents::hole(3 << 40), id(5), Timestamp::default()).is_err());
    assert!(vhd::fixed(Extents::hole(0), id(5), Timestamp::default()).is_err());
}

#[test]
fn broken_twins_are_rejected() {
    let (_place, image) = made(&laid(&hybrid()));
    let path = image.to_str().unwrap();
    let len = fs::metadata(&image).unwrap().len();
    // An entry, the header, the backup's entries, the backup's header.
    for at in [1024 + 33, 512 + 56, len - 512 - 16_384 + 33, len - 512 + 24] {
        flip_bit(&image, at);
        let said = run("sgdisk", &["-v", path]);
        let said =
            format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(said.contains("Caution") || !said.contains("No problems found"), "{at}: {said}");
        flip_bit(&image, at);
        sgdisk_clean(&image);
    }
    let parts =
        vec![mbr_part("a", (0x83, false, false), mib(4)), mbr_part("b", (0x83, false, false), mib(4))];
    let layout = laid(&disk(MBR, None, parts));
    let (_place, image) = made(&layout);
    // Where the link of the first record leads.
    flip_bit(&image, layout.parts()[0].start - (1 << 20) + 446 + 16 + 9);
    let twin = run("sfdisk", &["--json", image.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&twin.stdout);
    assert!(!said.contains(&format!("\"start\": {}", layout.parts()[1].start / 512)), "{said}");
}

#[test]
fn grub_is_patched_where_it_says() {
    let mut boot = vec![0; 512];
    boot[510..].copy_from_slice(&[0x55, 0xaa]);
    let layout = laid(&hybrid());
    let lba = layout.parts()[1].start / 512;
    let (first, core) = grub::bios(&boot, &[1; 40_000], lba).unwrap();
    let mut content = content(&layout);
    content.boot_code = Some(BootCode { first, gap: None });
    let core_len = core.len() as u64;
    let extents =
        Extents::new(core_len, vec![dibber_model::Extent { at: 0, piece: dibber_model::Piece::bytes(core) }]);
    content.parts.insert("BSP".to_string(), extents.unwrap());
    let place = tempfile::tempdir().unwrap();
    let image = place.path().join("disk");
    write_image(&compose(&layout, content).unwrap(), &[], &image);
    let bytes = fs::read(&image).unwrap();
    let at = u64::from_le_bytes(bytes[0x5c..0x64].try_into().unwrap()) as usize * 512;
    assert_eq!(bytes[at], 1);
    assert_eq!(u64::from_le_bytes(bytes[at + 0x1f4..at + 0x1fc].try_into().unwrap()), lba + 1);
    sgdisk_clean(&image);
}

/// Sizes of partitions on a disk of given size, in MiB and hundredths of a percent.
fn rules() -> impl Strategy<Value = Vec<SizeRule>> {
    let rule = prop_oneof![
        (1u64..40).prop_map(mib),
        (1u64..40_000_000).prop_map(|bytes| SizeRule::Exact(Bytes(bytes))),
        (100u32..6000).prop_map(|share| SizeRule::Free { share }),
    ];
    prop::collection::vec(rule, 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_disk_is_accepted(
        rules in rules(),
        size in prop::option::of(1_000u64..3_000),
        primaries in 0usize..4,
        gpt in any::<bool>(),
        large in any::<bool>(),
        align in prop::sample::select(vec![4096u64, 65_536, 1 << 20, 4 << 20]),
    ) {
        let part = |(n, size): (usize, &SizeRule)| match gpt {
            true => gpt_part(&format!("part {n}"), LINUX, *size, PartContents::Nothing),
            false => mbr_part(&format!("part {n}"), (0x83, n == 0, n < primaries), *size),
        };
        let mut parts: Vec<PartSpec> = rules.iter().enumerate().map(part).collect();
        if size.is_none() {
            parts.retain(|part| matches!(part.size, SizeRule::Exact(_)));
        }
        let sector = if large && gpt { SectorSize::B4096 } else { SectorSize::B512 };
        let table = if gpt { GPT } else { MBR };
        let spec = DiskSpec { sector, align, ..disk(table, size.map(Bytes::mib), parts) };
        let layout = match solve(&spec, &Measured::default(), &Loaders::new()) {
            Ok(layout) => layout,
            Err(LayoutError::NoRoom { wanted, available, .. }) => {
                prop_assert!(size.is_some() && (wanted > available || wanted == Bytes(align)));
                return Ok(());
            }
            Err(error) => panic!("{error}"),
        };
        prop_assert_eq!(layout.len() % (1 << 20), 0);
        for (part, asked) in layout.parts().iter().zip(&spec.parts) {
            prop_assert_eq!(part.start % align, 0);
            prop_assert_eq!(part.len % align, 0);
            if let SizeRule::Exact(asked) = asked.size {
                prop_assert!(part.len >= asked.0 && part.len < asked.0 + align);
            }
        }
        let (_place, image) = made(&layout);
        if gpt {
            gptman_agrees(&layout, &image);
            if sector == SectorSize::B512 {
                sgdisk_clean(&image);
                prop_assert_eq!(sfdisk(&image).1, wanted(&layout));
            }
        } else {
            let mut parts = sfdisk(&image).1;
            parts.retain(|(.., kind)| kind != "f");
            prop_assert_eq!(parts, wanted(&layout));
            let said = accepts("sfdisk", &["--verify", image.to_str().unwrap()]);
            prop_assert!(!said.contains("overlap") && !said.contains("outside"), "{}", said);
        }
    }

    #[test]
    fn shares_never_pass_what_is_free(shares in prop::collection::vec(1u32..=10_000, 1..30), size in 3u64..5_000_000) {
        let part = |(n, share): (usize, &u32)| {
            gpt_part(&format!("p{n}"), LINUX, SizeRule::Free { share: *share }, PartContents::Nothing)
        };
        let parts: Vec<PartSpec> = shares.iter().enumerate().map(part).collect();
        let spec = disk(GPT, Some(Bytes::mib(size)), parts);
        let solved = solve(&spec, &Measured::default(), &Loaders::new());
        let mut free = (size - 2) << 20;
        for (n, share) in shares.iter().enumerate() {
            let want = (u128::from(free) * u128::from(*share) / 10_000) as u64 >> 20 << 20;
            if want == 0 {
                prop_assert!(solved.is_err());
                return Ok(());
            }
            if let Ok(layout) = &solved {
                prop_assert_eq!(layout.parts()[n].len, want);
            }
            free -= want;
        }
        prop_assert!(solved.is_ok());
    }
}
