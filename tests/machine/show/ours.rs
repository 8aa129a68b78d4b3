//! What our own writers make is read back by readers that share no code with them.

use dibber_format::disk::{DiskContent, compose};
use dibber_format::ext4::{Ext4Params, write};
use dibber_model::{MkfsOptions, PartContents, SectorSize, Timestamp};
use dibber_tests::disks::{GPT, content, disk, gpt_part, hybrid, id, laid, mbr, mib};
use dibber_tests::write_image;

use super::*;

/// Name, start, size, kind, label and UUID of every partition must be those of the layout.
#[test]
fn disks_of_every_shape() {
    let place = tempfile::tempdir().unwrap();
    let image = place.path().join("disk");
    let swap = dibber_tests::disks::fs(dibber_model::FsKind::Swap, "swap0", "", 9);
    let swap = gpt_part("swap", dibber_tests::disks::SWAP, mib(32), swap);
    let esp = dibber_tests::disks::fs(dibber_model::FsKind::Vfat, "ESP4K", "/boot/efi", 3);
    let esp = gpt_part("esp", dibber_tests::disks::ESP, mib(300), esp);
    let mut large = disk(GPT, None, vec![esp, swap]);
    large.sector = SectorSize::B4096;
    for spec in [hybrid(), mbr(), large] {
        let layout = laid(&spec);
        write_image(&compose(&layout, with_root(&layout)).unwrap(), &[], &image);
        let report = json(&image, &[]);
        let parts = report["disk"]["partitions"].as_array().unwrap();
        assert_eq!(parts.len(), layout.parts().len());
        assert_eq!(report["disk"]["sector_bytes"], spec.sector.bytes());
        for (ours, part) in parts.iter().zip(layout.parts()) {
            assert_eq!((ours["start"].as_u64(), ours["bytes"].as_u64()), (Some(part.start), Some(part.len)));
            assert_eq!(ours["number"], part.number);
            if let PartContents::Fs(fs) = &part.spec.contents {
                assert_eq!(ours["filesystem"]["kind"], fs.kind.name(), "{report}");
                assert_eq!(ours["filesystem"]["label"], fs.label);
                assert_eq!(ours["filesystem"]["uuid"], fs.blkid_uuid());
            }
        }
        fs::remove_file(&image).unwrap();
    }
}

/// The usual content, with a real ext4 where a root is.
fn with_root(layout: &dibber_model::DiskLayout) -> DiskContent {
    let mut whole = content(layout);
    for part in layout.parts() {
        let PartContents::Fs(fs) = &part.spec.contents else { continue };
        if fs.kind == dibber_model::FsKind::Ext4 {
            let params = Ext4Params {
                label: fs.label.clone(),
                uuid: fs.uuid,
                hash_seed: id(77),
                epoch: Timestamp::from_secs(1_700_000_000),
                options: MkfsOptions::default(),
                mount_point: "/".into(),
            };
            let tree = dibber_model::Tree::new(dibber_model::Meta::default());
            whole.parts.insert(part.spec.name.clone(), write(&tree, &params, part.len).unwrap());
        }
    }
    whole
}

/// A sidecar beside the image is held against it.
#[test]
fn a_sidecar_is_held_against_its_file() {
    let place = tempfile::tempdir().unwrap();
    let image = place.path().join("disk");
    let layout = laid(&hybrid());
    write_image(&compose(&layout, with_root(&layout)).unwrap(), &[], &image);
    assert!(json(&image, &[])["sidecar"].is_null());
    let sum = accepts("sha256sum", &[text(&image)]);
    let sidecar = place.path().join("disk.json");
    fs::write(&sidecar, format!("{{\"sha256\": \"{}\"}}", &sum[..64])).unwrap();
    assert_eq!(json(&image, &[])["sidecar"]["equal"], true);
    // A byte that is nobody's: the gap before the first partition.
    dibber_tests::flip_bit(&image, 900_000);
    assert_eq!(json(&image, &[])["sidecar"]["equal"], false);
    assert!(String::from_utf8(shown(&image, &[])).unwrap().contains("is NOT this file's"));
}
