//! Disks with a place for a boot loader, with nobody who asks for one, and with somebody who does.
//!
//! In: a tiny operating system without GRUB, in every layout with a table. Out: the verdict of sfdisk, bytes of the place, words. Never: a
//! boot.

use std::fs;

use dibber_tests::accepts;
use dibber_tests::workshop::Workshop;

/// Bytes of the first partition whose name or type is a boot loader's.
fn place(disk: &str, kind: &str) -> Vec<u8> {
    let table: serde_json::Value =
        serde_json::from_str(&accepts("sfdisk", &["--json", disk])).expect("sfdisk prints JSON");
    let parts = table["partitiontable"]["partitions"].as_array().expect("partitions");
    let is_it =
        |part: &&serde_json::Value| part["type"].as_str().is_some_and(|text| text.eq_ignore_ascii_case(kind));
    let part = parts.iter().find(is_it).expect("a place for a boot loader");
    let at = |key: &str| part[key].as_u64().expect("a number") as usize * 512;
    fs::read(disk).expect("a disk")[at("start")..][..at("size")].to_vec()
}

#[test]
fn a_disk_that_nobody_starts_has_an_empty_place() {
    let shop = Workshop::new();
    for (arch, layout, kind) in [
        ("x86_64", "mbr", None),
        ("x86_64", "gpt", Some("21686148-6449-6E6F-744E-656564454649")),
        ("x86_64", "efi", Some("21686148-6449-6E6F-744E-656564454649")),
        ("x86_64", "efi-only", None),
    ] {
        let image = shop.image("i", &[("arch", arch), ("layout", layout), ("size", "256MiB")]);
        let told = shop.build(&image, &[]).well();
        let said = told.err.matches("nothing of this image asks for one: the place stays empty").count();
        assert_eq!(said, usize::from(layout != "efi-only"), "{layout}: {}", told.err);
        let disk = shop.text("work/out/i.raw");
        accepts("sfdisk", &["--verify", &disk]);
        let bytes = fs::read(&disk).expect("a disk");
        assert!(bytes[..440].iter().all(|byte| *byte == 0), "{layout}: code in the first sector");
        if let Some(kind) = kind {
            assert!(place(&disk, kind).iter().all(|byte| *byte == 0), "{layout}: something is in the place");
        }
        let planned = shop.run(&["plan", &image, "--elements-path", &shop.text("elements")]);
        assert_eq!(planned.err.contains("the place stays empty"), layout != "efi-only", "{}", planned.err);
    }
}

#[test]
fn a_boot_loader_that_was_asked_for_has_to_be_there() {
    let shop = Workshop::new();
    let keys = |layout| [("layout", layout), ("elements", "[tiny-os, asks]"), ("size", "256MiB")];
    shop.hook("asks/finalise.d/50-asks", "grub-install --target=i386-pc /dev/disk");
    let told = shop.build(&shop.image("i", &keys("gpt")), &[]);
    told.refuses(3, &["the layout has a place for GRUB's i386-pc", "add the element bootloader"]);
    assert!(!told.err.contains("stays empty"), "{}", told.err);
    shop.hook("asks/finalise.d/50-asks", "grub-install --target=x86_64-efi --removable");
    let told = shop.build(&shop.image("i", &keys("efi-only")), &[]);
    told.refuses(
        3,
        &[
            "--target=x86_64-efi --removable` asks for a boot loader in /boot/efi",
            "add the element bootloader",
        ],
    );
    // The broken twin: with a loader there, all is well.
    let put = "mkdir -p /boot/efi/EFI/BOOT; echo MZ > /boot/efi/EFI/BOOT/BOOTX64.EFI";
    shop.hook("asks/finalise.d/50-asks", &format!("{put}; grub-install --target=x86_64-efi --removable"));
    shop.build(&shop.image("i", &keys("efi-only")), &[]).well();
}
