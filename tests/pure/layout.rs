//! Where things lie: numbers that dib and others agree on, drawings, and refusals.
#![allow(clippy::unwrap_used, reason = "a test without its material fails there")]

use std::collections::BTreeMap;

use dibber_layout::{LayoutError, LayoutWarning, Loaders, Measured, render, sketch, solve, warnings};
use dibber_model::{Bytes, DiskLayout, DiskSpec, FsKind, Loader, PartContents, SectorSize, SizeRule};
use dibber_tests::disks::{
    BIOS, CONTENT, ESP, GPT, LINUX, MBR, PREP, REST, SWAP, bare, disk, fs, gpt_part, hybrid, mbr, mbr_part,
    mib,
};

fn measured() -> Measured {
    let content = BTreeMap::from([
        ("ESP".to_string(), Bytes(5_000_192)),
        ("root".to_string(), Bytes(1_300_000_768)),
        ("data".to_string(), Bytes(8 << 20)),
    ]);
    Measured { content }
}

fn loaders() -> Loaders {
    BTreeMap::from([(Loader::Bios, Bytes(40_000)), (Loader::Prep, Bytes(200_000))])
}

fn laid(spec: &DiskSpec) -> DiskLayout {
    solve(spec, &measured(), &loaders()).unwrap_or_else(|e| panic!("{e}"))
}

fn refused(spec: &DiskSpec) -> String {
    solve(spec, &measured(), &loaders()).unwrap_err().to_string()
}

/// Number, first and last sector of every partition.
fn sectors(layout: &DiskLayout) -> Vec<(u32, u64, u64)> {
    let sector = layout.spec().sector.bytes();
    layout.parts().iter().map(|p| (p.number, p.start / sector, (p.start + p.len) / sector - 1)).collect()
}

#[test]
fn dibs_gpt_efi_comes_out_as_dib_computes_it() {
    // dib's tests/config/gpt_efi.yaml on 1 GiB expects sgdisk +8M, +8M, +1006M.
    let parts = vec![
        gpt_part("ESP", ESP, mib(8), PartContents::Nothing),
        gpt_part("BSP", BIOS, mib(8), PartContents::Nothing),
        gpt_part("Root Part", LINUX, REST, PartContents::Nothing),
    ];
    let layout = laid(&disk(GPT, Some(Bytes::gib(1)), parts));
    let sizes: Vec<u64> = layout.parts().iter().map(|p| p.len >> 20).collect();
    assert_eq!(sizes, [8, 8, 1006]);
    assert_eq!(layout.len(), 1 << 30);
}

#[test]
fn dibs_mbr_comes_out_as_dib_computes_it() {
    // dib's test_mbr.py: one logical partition of 10 MiB on 1 GiB is `5 4096 24575 0x83`.
    let parts =
        vec![mbr_part("a", (0x83, false, false), mib(10)), mbr_part("b", (0x83, false, false), mib(10))];
    let layout = laid(&disk(MBR, Some(Bytes::gib(1)), parts));
    assert_eq!(sectors(&layout), [(5, 4096, 24_575), (6, 26_624, 47_103)]);
    let records: Vec<(&str, u64)> = layout.regions()[1..].iter().map(|r| (&*r.name, r.start / 512)).collect();
    assert_eq!(records, [("EBR 5", 2048), ("EBR 6", 24_576)]);
}

#[test]
fn shares_are_of_what_is_still_free() {
    let share = |percent: u32| SizeRule::Free { share: percent * 100 };
    let part = |name: &str, size| gpt_part(name, LINUX, size, PartContents::Nothing);
    let parts = vec![part("a", share(50)), part("b", share(50)), part("c", mib(1)), part("d", share(100))];
    let layout = laid(&disk(GPT, Some(Bytes::mib(1026)), parts));
    let sizes: Vec<u64> = layout.parts().iter().map(|p| p.len >> 20).collect();
    assert_eq!(sizes, [512, 256, 1, 255]);
}

#[test]
fn given_numbers_stay_and_others_get_the_lowest_free() {
    let part = |name: &str, number| {
        let part = gpt_part(name, LINUX, mib(1), PartContents::Nothing);
        dibber_model::PartSpec { number, ..part }
    };
    let parts = vec![
        part("bios", Some(14)),
        part("esp", Some(15)),
        part("root", None),
        part("x", Some(2)),
        part("y", None),
    ];
    let numbers: Vec<u32> = laid(&disk(GPT, None, parts)).parts().iter().map(|p| p.number).collect();
    assert_eq!(numbers, [14, 15, 1, 2, 3]);
}

#[test]
fn content_gets_headroom_between_min_and_max() {
    let sized = |min: Option<u64>, max: Option<u64>| {
        let mut spec = hybrid();
        spec.parts[2].size = SizeRule::Content { min: min.map(Bytes::mib), max: max.map(Bytes::mib) };
        solve(&spec, &measured(), &loaders()).map(|layout| layout.parts()[2].len >> 20)
    };
    // 1,300,000,768 bytes are 1239.8 MiB; a tenth more is 1363.8.
    assert_eq!(sized(None, None), Ok(1364));
    assert_eq!(sized(Some(2000), None), Ok(2000));
    assert_eq!(sized(Some(100), Some(1300)), Ok(1300));
    assert!(matches!(
        sized(None, Some(1239)),
        Err(LayoutError::ContentTooLarge { wanted: Bytes(1_300_000_768), .. })
    ));
    assert!(matches!(sized(Some(3), Some(2)), Err(LayoutError::MinAboveMax { .. })));
    // The floor: 8 MiB of content get 64 MiB more.
    let parts = vec![gpt_part("data", LINUX, CONTENT, fs(FsKind::Ext4, "data", "/data", 3))];
    assert_eq!(laid(&disk(GPT, None, parts)).parts()[0].len >> 20, 72);
}

/// Compares with a file of `tests/pure/drawings`; `DIBBER_DRAW=1` writes it anew, to be read before it is committed.
fn drawn(name: &str, text: &str) {
    let path = format!("{}/pure/drawings/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("DIBBER_DRAW").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    assert_eq!(text, known, "{path}");
}

#[test]
fn drawings() {
    drawn("hybrid", &render(&laid(&hybrid())));
    drawn("hybrid-sketch", &sketch(&hybrid()));
    drawn("mbr", &render(&laid(&mbr())));
    drawn("mbr-sketch", &sketch(&mbr()));
    drawn("bare", &render(&laid(&bare())));
    let parts = vec![
        mbr_part("root", (0x83, true, true), mib(100)),
        mbr_part("swap", (0x82, false, false), mib(50)),
        mbr_part("data", (0x83, false, false), SizeRule::Free { share: 5000 }),
    ];
    drawn("logical", &render(&laid(&disk(MBR, Some(Bytes::mib(300)), parts))));
    let parts = vec![
        gpt_part("boot", PREP, mib(8), PartContents::Loader(Loader::Prep)),
        gpt_part("root", LINUX, REST, fs(FsKind::Ext4, "cloudimg-rootfs", "/", 2)),
    ];
    drawn("power", &render(&laid(&disk(GPT, Some(Bytes::gib(4)), parts))));
}

#[test]
fn what_does_not_fit_is_refused_with_numbers() {
    let root = gpt_part("root", LINUX, mib(900), PartContents::Nothing);
    let more = gpt_part("more", LINUX, mib(200), PartContents::Nothing);
    let said = refused(&disk(GPT, Some(Bytes::gib(1)), vec![root.clone(), more]));
    assert_eq!(
        said,
        "disk `image0`: partition `more` wants 200 MiB (209715200 bytes), and 122 MiB (127926272 bytes) of 1 GiB are \
         left; make the disk larger, or this or an earlier partition smaller"
    );
    let mut spec = hybrid();
    spec.size = Some(Bytes::mib(512));
    assert!(refused(&spec).contains("wants 1.3 GiB"), "{}", refused(&spec));
    spec.parts[2].size = REST;
    let said = refused(&spec);
    assert!(said.contains("`root` holds at most 445 MiB") && said.contains("1300000768"), "{said}");
    spec.parts[2].size = mib(100);
    assert!(refused(&spec).contains("raise its size"), "{}", refused(&spec));
    let many = (0..129).map(|n| gpt_part(&format!("p{n}"), LINUX, mib(1), PartContents::Nothing)).collect();
    assert!(refused(&disk(GPT, None, many)).contains("`p128`: the table is full"));
}

#[test]
fn an_mbr_has_its_limits() {
    let part = |name: &str, primary| mbr_part(name, (0x83, false, primary), mib(1));
    let five = ["a", "b", "c", "d", "e"].map(|n| part(n, true)).to_vec();
    assert!(refused(&disk(MBR, None, five)).contains("`e`: the table is full"));
    let after = vec![part("a", false), part("b", true)];
    assert!(refused(&disk(MBR, None, after)).contains("`b`: a primary partition cannot follow"));
    let no_slot = vec![part("a", true), part("b", true), part("c", true), part("d", true), part("e", false)];
    assert!(refused(&disk(MBR, None, no_slot)).contains("no slot for the extended one"));
    let large = vec![mbr_part("a", (0x83, false, true), REST)];
    let said = refused(&disk(MBR, Some(Bytes(3 << 40)), large.clone()));
    assert!(said.contains("reaches 2 TiB") && said.contains("needs 3 TiB (3298534883328 bytes)"), "{said}");
    let spec = DiskSpec { sector: SectorSize::B4096, ..disk(MBR, Some(Bytes(3 << 40)), large) };
    assert_eq!(laid(&spec).len(), 3 << 40);
    let mut numbered = part("a", false);
    numbered.number = Some(7);
    assert!(refused(&disk(MBR, None, vec![numbered])).contains("count from 5"));
}

#[test]
fn bios_needs_a_place_for_its_core() {
    let mut spec = hybrid();
    spec.parts.remove(1);
    assert!(refused(&spec).contains("no BIOS boot partition"), "{}", refused(&spec));
    let mut spec = mbr();
    spec.sector = SectorSize::B4096;
    assert!(refused(&spec).contains("sectors of 512 bytes only"));
    let large = BTreeMap::from([(Loader::Bios, Bytes(1 << 20))]);
    let said = solve(&mbr(), &measured(), &large).unwrap_err().to_string();
    assert!(said.contains("1048576 bytes") && said.contains("1048064"), "{said}");
    let said = solve(&mbr(), &measured(), &Loaders::new()).unwrap_err().to_string();
    assert!(said.contains("`the gap after the MBR` is to hold GRUB's core.img"), "{said}");
    let gap = laid(&mbr()).regions().iter().find(|r| r.name == "boot gap").cloned().unwrap();
    assert_eq!((gap.start, gap.len), (512, 40_448));
    let mut spec = bare();
    spec.bios_boot = true;
    assert!(refused(&spec).contains("no partition table"));
}

#[test]
fn nonsense_is_refused() {
    let part = gpt_part("a", LINUX, mib(1), PartContents::Nothing);
    let twice = disk(GPT, None, vec![part.clone(), part.clone()]);
    assert!(refused(&twice).contains("two partitions or volumes are called `a`"));
    assert!(refused(&disk(MBR, None, vec![part.clone()])).contains("another kind of table"));
    for align in [0, 100] {
        let spec = DiskSpec { align, ..disk(GPT, None, vec![part.clone()]) };
        assert!(refused(&spec).contains(&format!("align is {align} bytes")));
    }
    let huge = gpt_part("a", LINUX, SizeRule::Exact(Bytes(u64::MAX)), PartContents::Nothing);
    assert!(refused(&disk(GPT, None, vec![huge])).contains("more than 18446744073709551615 bytes"));
    for share in [0, 10_001] {
        let spec =
            disk(GPT, None, vec![gpt_part("a", LINUX, SizeRule::Free { share }, PartContents::Nothing)]);
        assert!(refused(&spec).contains("at most 100%"));
    }
    let swap = gpt_part("swap", SWAP, CONTENT, fs(FsKind::Swap, "swap", "", 4));
    assert!(refused(&disk(GPT, None, vec![swap])).contains("nothing says how large partition `swap`"));
    let unknown = gpt_part("other", LINUX, CONTENT, fs(FsKind::Ext4, "x", "", 4));
    assert!(refused(&disk(GPT, None, vec![unknown])).contains("`other` was not measured"));
    let mut two = bare();
    two.parts.push(two.parts[0].clone());
    two.parts[1].name = "more".to_string();
    assert!(refused(&two).contains("`more`: a disk without a table has one content only"));
}

#[test]
fn cautions_name_what_will_surprise() {
    assert_eq!(warnings(&laid(&hybrid())), []);
    assert_eq!(warnings(&laid(&mbr())), []);
    let mut spec = mbr();
    spec.parts[0].size = mib(1500);
    spec.parts.push(mbr_part("b", (0x83, false, true), mib(1)));
    spec.parts.push(mbr_part("c", (0x83, false, true), mib(1)));
    let (part, last) = ("root".to_string(), "c".to_string());
    let root = LayoutWarning::RootNotLast { disk: "image0".to_string(), part, last };
    assert_eq!(warnings(&laid(&spec)), [root]);
    spec.parts.push(mbr_part("d", (0x83, false, false), mib(1)));
    let said = warnings(&laid(&spec))[0].to_string();
    assert!(said.contains("all 4 slots") && said.contains("config drive"), "{said}");
}
