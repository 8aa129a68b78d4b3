//! Volume groups before their judges: lvm2's pvck on plain files and its reports on loop devices, GRUB's reader, e2fsck.
//!
//! Nothing of this machine's own LVM is read or written: lvm2 is told of one device and of a directory of its own.
#![allow(clippy::unwrap_used, reason = "a test without its material fails there")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dibber_model::{
    Bytes, DiskLayout, DiskSpec, LvKind, LvSegment, LvSize, LvSpec, PlacedLv, PlacedVg, SectorSize, SizeRule,
};
use proptest::prelude::*;
use tempfile::TempDir;

use dibber_tests::disks::{CONTENT, REST, mib};
use dibber_tests::volumes::{exactly, filled, grouped, volume, words};
use dibber_tests::{accepts, flip_bit, objects, waiting, write_image};

/// A disk in a file.
struct Made {
    place: TempDir,
    layout: DiskLayout,
    len: usize,
}

impl Made {
    /// Each volume has a file of `len` bytes.
    fn of(spec: &DiskSpec, len: usize) -> Made {
        let place = tempfile::tempdir().unwrap();
        let (layout, extents) = filled(spec, len);
        write_image(&extents, &[], &place.path().join("disk"));
        Made { place, layout, len }
    }

    fn disk(&self) -> PathBuf {
        self.place.path().join("disk")
    }

    fn group(&self) -> &PlacedVg {
        &self.layout.groups()[0]
    }

    /// A physical volume as a file of its own.
    fn carved(&self, index: usize) -> PathBuf {
        let pv = &self.group().pvs[index];
        let path = self.place.path().join(format!("pv{index}"));
        copy(&self.disk(), pv.start, pv.len, &path, 0);
        path
    }

    /// A logical volume as a file of its own.
    fn volume(&self, lv: &PlacedLv) -> PathBuf {
        self.volume_of(lv, &lv.segments, "data")
    }

    /// Runs of its extents as a file.
    fn volume_of(&self, lv: &PlacedLv, segments: &[LvSegment], what: &str) -> PathBuf {
        let group = self.group();
        let path = self.place.path().join(format!("lv-{}-{what}", lv.spec.name));
        let mut to = 0;
        for segment in segments {
            let (pv, len) = (&group.pvs[segment.pv], segment.count * group.spec.extent.0);
            copy(&self.disk(), pv.start + pv.first + segment.start * group.spec.extent.0, len, &path, to);
            to += len;
        }
        path
    }

    /// What pvck, GRUB and e2fsck say, none of which needs root.
    fn judged(&self) {
        let group = self.group();
        for index in 0..group.pvs.len() {
            let pv = self.carved(index);
            let path = pv.to_str().unwrap();
            for what in ["headers", "metadata"] {
                let said = accepts("pvck", &["--dump", what, path]);
                assert!(!said.contains("CHECK"), "{said}");
            }
            let text = accepts("pvck", &["--dump", "metadata", path]);
            assert!(text.contains(&format!("{} {{", group.spec.name)), "{text}");
            assert!(text.contains(&group.pvs[index].spec.id.to_string()), "{text}");
        }
        for lv in &group.lvs {
            let path = self.volume(lv);
            accepts("e2fsck", &["-fn", path.to_str().unwrap()]);
            assert_eq!(self.read_by_grub(&lv.spec.name), words(&lv.spec.name, self.len));
        }
    }

    /// The file of a volume, as GRUB reads it through table, group and filesystem.
    fn read_by_grub(&self, volume: &str) -> Vec<u8> {
        let mapped = dibber_model::VgSpec::mapper_name(&self.group().spec.name, volume);
        let file = format!("(lvm/{mapped})/etc/words");
        let mut command = Command::new("grub-fstest");
        let output = waiting::output(command.arg(self.disk()).args(["cat", &file]).env("LC_ALL", "C"));
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

/// Copies what is no hole of a range.
fn copy(from: &Path, start: u64, len: u64, to: &Path, at: u64) {
    let (source, target) = (
        File::open(from).unwrap(),
        File::options().create(true).append(false).truncate(false).write(true).open(to).unwrap(),
    );
    target.set_len(target.metadata().unwrap().len().max(at + len)).unwrap();
    let mut buffer = vec![0; 1 << 20];
    for done in (0..len).step_by(buffer.len()) {
        let now = buffer.len().min((len - done) as usize);
        source.read_exact_at(&mut buffer[..now], start + done).unwrap();
        if buffer[..now].iter().any(|byte| *byte != 0) {
            target.write_all_at(&buffer[..now], at + done).unwrap();
        }
    }
}

#[test]
fn a_group_of_one_partition_is_read_by_lvm2_and_grub() {
    let lvs = vec![
        volume("root", exactly(66)),
        volume("var-log", LvSize::Extents(8)),
        volume("home", LvSize::Rule(REST)),
    ];
    let made = Made::of(&grouped("vg", &[mib(200)], Some(Bytes::mib(256)), lvs), 3 << 20);
    let counts: Vec<u64> = made.group().lvs.iter().map(|lv| lv.count).collect();
    // 199 MiB are 49 extents; 66 MiB are rounded up to 17.
    assert_eq!(counts, [17, 8, 24]);
    made.judged();
}

#[test]
fn a_volume_spans_physical_volumes() {
    let lvs = vec![volume("root", LvSize::Group { share: 6000 }), volume("rest", LvSize::Rule(REST))];
    let made = Made::of(&grouped("vg-a", &[mib(64), mib(41), mib(101)], None, lvs), 40 << 20);
    let [root, rest] = &made.group().lvs[..] else { panic!("two volumes") };
    // 15, 10 and 25 extents.
    assert_eq!((root.count, root.segments.len(), rest.count), (30, 3, 20));
    made.judged();
}

#[test]
fn a_group_is_as_large_as_its_content() {
    let content = LvSize::Rule(CONTENT);
    let lvs = vec![volume("root", content), volume("var", LvSize::Group { share: 2000 })];
    let spec = DiskSpec { sector: SectorSize::B4096, ..grouped("vg", &[REST], None, lvs) };
    let made = Made::of(&spec, 1 << 20);
    let group = made.group();
    let total: u64 = group.pvs.iter().map(|pv| pv.count).sum();
    assert_eq!(group.lvs[1].count, total / 5);
    assert!(group.lvs.iter().map(|lv| lv.count).sum::<u64>() <= total);
    for lv in &group.lvs {
        accepts("e2fsck", &["-fn", made.volume(lv).to_str().unwrap()]);
    }
    let pv = made.carved(0);
    let said = accepts("pvck", &["--dump", "metadata", pv.to_str().unwrap()]);
    assert!(!said.contains("CHECK"), "{said}");
}

/// Our own reader, which shares no code with the writer, sees the files of every volume where fstab mounts it.
#[test]
fn show_sees_through_volumes() {
    let lvs = vec![volume("root", exactly(40)), volume("var-log", LvSize::Rule(REST))];
    let made = Made::of(&grouped("vg-a", &[mib(64), mib(64)], None, lvs), 25 << 20);
    let image = dibber_inspect::Image::open(&made.disk()).unwrap();
    let [group] = &image.disk().volume_groups[..] else { panic!("one group") };
    assert_eq!(
        (group.name.as_str(), &group.id, &group.partitions[..]),
        ("vg-a", &made.group().spec.id.to_string(), &[1, 2][..])
    );
    let mounts: Vec<_> =
        group.volumes.iter().map(|lv| lv.filesystem.as_ref().unwrap().mount_point.as_deref()).collect();
    assert_eq!(mounts, [Some("/"), Some("/var-log")]);
    let tree = image.tree().unwrap();
    assert_eq!(tree.root_volume(), Some("vg-a/root"));
    for (path, name) in [("/etc/words", "root"), ("/var-log/etc/words", "var-log")] {
        let mut found = Vec::new();
        tree.read(&tree.find(path).unwrap(), &mut found).unwrap();
        assert!(found == words(name, made.len), "{path}");
    }
    // A group whose text is damaged is said to be, and so is what that leaves unread.
    flip_bit(&made.disk(), made.group().pvs[0].start + 4096 + 600);
    flip_bit(&made.disk(), made.group().pvs[1].start + 4096 + 600);
    let image = dibber_inspect::Image::open(&made.disk()).unwrap();
    assert!(image.disk().volume_groups.is_empty());
    assert!(image.disk().notes.iter().any(|note| note.contains("partition 2") && note.contains("checksum")));
    assert!(image.tree().is_err());
}

/// A thin pool of more volumes than one, of which each has holes: the judges of its metadata and lvm2's of its text.
#[test]
fn a_thin_pool_is_taken_by_its_judges() {
    let pool = |mib: u64| LvSpec { kind: LvKind::Pool, fs: None, ..volume("pool", exactly(mib)) };
    let thin = |name: &str, mib: u64| LvSpec {
        kind: LvKind::Thin { pool: "pool".into() },
        ..volume(name, exactly(mib))
    };
    let lvs = vec![pool(300), thin("root", 2000), thin("var", 500), volume("boot", exactly(24))];
    let made = Made::of(&grouped("vg", &[mib(400)], None, lvs), 15 << 20);
    let lv = made.group().lvs[0].clone();
    let (data, metadata) = (made.volume(&lv), made.volume_of(&lv, &lv.metadata, "metadata"));
    let path = metadata.to_str().unwrap();
    accepts("thin_check", &[path]);
    let xml = Command::new("thin_dump").arg(path).output().unwrap();
    let xml = String::from_utf8(xml.stdout).unwrap();
    for (device, name, bytes) in [(1, "root", 2000 << 20), (2, "var", 500 << 20)] {
        let whole = made.place.path().join(name);
        let bytes: u64 = bytes;
        mapped(&xml, device, &data, &whole, bytes.next_multiple_of(4 << 20));
        accepts("e2fsck", &["-fn", whole.to_str().unwrap()]);
        let said =
            Command::new("debugfs").args(["-R", "cat /etc/words", whole.to_str().unwrap()]).output().unwrap();
        assert!(said.stdout == words(name, made.len), "{name}");
    }
    assert_eq!(made.read_by_grub("boot"), words("boot", made.len));
    // Broken twins: a bit of the superblock, and one of the leaf of a mapping.
    for at in [340, 4096 + 40] {
        flip_bit(&metadata, at);
        objects("thin_check", &[path]);
        flip_bit(&metadata, at);
    }
    accepts("thin_check", &[path]);
}

/// A thin volume as a file, by what thin_dump says of its chunks.
fn mapped(xml: &str, device: u32, data: &Path, to: &Path, len: u64) {
    let mut here = false;
    let number = |line: &str, key: &str| -> Option<u64> {
        line.split_once(&format!("{key}=\""))?.1.split('"').next()?.parse().ok()
    };
    File::create(to).unwrap().set_len(len).unwrap();
    for line in xml.lines() {
        here = number(line, "dev_id").map_or(here, |id| id == u64::from(device));
        let range = number(line, "origin_begin").zip(number(line, "data_begin")).zip(number(line, "length"));
        let single = number(line, "origin_block").zip(number(line, "data_block")).map(|pair| (pair, 1));
        if let Some(((origin, block), count)) = range.or(single).filter(|_| here) {
            copy(data, block << 16, count << 16, to, origin << 16);
        }
    }
}

#[test]
fn a_pool_that_is_too_small_says_both_numbers() {
    let pool = LvSpec { kind: LvKind::Pool, fs: None, ..volume("pool", exactly(8)) };
    let thin = LvSpec { kind: LvKind::Thin { pool: "pool".into() }, ..volume("root", exactly(200)) };
    let spec = grouped("vg", &[mib(64)], None, vec![pool, thin]);
    let said = std::panic::catch_unwind(|| filled(&spec, 20 << 20)).unwrap_err();
    let said = said.downcast_ref::<String>().unwrap();
    assert!(said.contains("PoolFull") && said.contains("available: 8388608"), "{said}");
}

/// The judges object to one bit of the label, of the area's header, and of the text.
#[test]
fn pvck_sees_a_flipped_bit() {
    let made = Made::of(&grouped("vg", &[mib(64)], None, vec![volume("root", exactly(32))]), 100);
    let pv = made.carved(0);
    let path = pv.to_str().unwrap();
    for (at, what) in [(512 + 40, "headers"), (4096 + 30, "headers"), (4096 + 512 + 100, "metadata")] {
        flip_bit(&pv, at);
        let said = objects("pvck", &["--dump", what, path]);
        assert!(said.contains("CHECK"), "{at}: {said}");
        flip_bit(&pv, at);
    }
    accepts("pvck", &["--dump", "metadata", path]);
    assert_eq!(made.read_by_grub("root"), words("root", 100));
    // Elsewhere GRUB finds no such volume.
    let start = made.group().pvs[0].start;
    flip_bit(&made.disk(), start + 512);
    objects("grub-fstest", &[made.disk().to_str().unwrap(), "cat", "(lvm/vg-root)/etc/words"]);
}

/// What lvm2 prints of these devices, without a word to the machine's own settings or a warning.
fn by_lvm2(home: &Path, devices: &str, arguments: &[&str]) -> String {
    let config = "backup { backup = 0 archive = 0 } activation { udev_sync = 0 udev_rules = 0 } \
                  devices { use_devicesfile = 0 scan_lvs = 0 } global { event_activation = 0 }";
    let mut command = Command::new("lvm");
    command.args(arguments).args(["--config", config, "--devices", devices]);
    command.env("LVM_SYSTEM_DIR", home).env("LVM_SUPPRESS_FD_WARNINGS", "1").env("LC_ALL", "C");
    let output = waiting::output(&mut command);
    let said = String::from_utf8_lossy(&output.stderr)
        .replace("WARNING: This metadata update is NOT backed up.", "");
    assert!(output.status.success(), "{arguments:?}: {said}");
    assert!(!said.contains("hecksum") && !said.contains("WARNING"), "{arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Lines of a report, sorted, with one blank between words.
fn rows(text: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rows: Vec<String> = text.lines().map(words).collect();
    rows.sort();
    rows
}

/// lvm2 as the running system would use it, on loop devices and without a device mapper: reports, its own check, and a change by it,
/// which lands in the ring behind our text.
#[test]
fn lvm2_reports_and_changes_a_group_on_loop_devices() {
    let lvs = vec![volume("root", exactly(120)), volume("var-log", exactly(30))];
    let made = Made::of(&grouped("vg0", &[mib(100), mib(150)], None, lvs), 1000);
    let loops: Vec<Loop> = (0..2).map(|index| Loop::new(&made.carved(index))).collect();
    let devices = loops.iter().map(|one| one.0.clone()).collect::<Vec<_>>().join(",");
    let home = made.place.path().join("lvm");
    fs::create_dir(&home).unwrap();
    let lvm = |arguments: &[&str]| by_lvm2(&home, &devices, arguments);
    let bytes = ["--noheadings", "--units", "b", "--nosuffix"];
    let group = made.group();
    let found = rows(&lvm(&[
        &["vgs", "-o", "vg_name,vg_uuid,vg_extent_size,vg_extent_count,vg_free_count,lv_count"],
        &bytes[..],
    ]
    .concat()));
    assert_eq!(found, [format!("vg0 {} 4194304 61 23 2", group.spec.id)]);
    let found = rows(&lvm(&[
        &["lvs", "--segments", "-o", "lv_name,lv_uuid,seg_size_pe,segtype,devices"],
        &bytes[..],
    ]
    .concat()));
    let [root, var] = &group.lvs[..] else { panic!("two volumes") };
    let (first, second) = (&loops[0].0, &loops[1].0);
    assert_eq!(
        found,
        [
            format!("root {} 24 linear {first}(0)", root.spec.id),
            format!("root {} 6 linear {second}(0)", root.spec.id),
            format!("var-log {} 8 linear {second}(6)", var.spec.id),
        ]
    );
    let found = rows(&lvm(&[
        &["pvs", "-o", "pv_uuid,pv_size,pv_pe_count,pe_start,dev_size,pv_mda_count"],
        &bytes[..],
    ]
    .concat()));
    let pv = |index: usize, count: u64| {
        let pv = &group.pvs[index];
        format!("{} {} {count} 1048576 {} 1", pv.spec.id, count << 22, pv.len)
    };
    let mut wanted = [pv(0, 24), pv(1, 37)];
    wanted.sort();
    assert_eq!(found, wanted);
    lvm(&["vgck", "vg0"]);
    for round in 1..=40 {
        lvm(&["vgchange", "--addtag", &format!("round{round}"), "vg0"]);
    }
    lvm(&["vgrename", "vg0", "vg-new"]);
    lvm(&["vgck", "vg-new"]);
    let found = rows(&lvm(&["vgs", "--noheadings", "-o", "vg_name,vg_seqno,vg_free_count"]));
    assert_eq!(found, ["vg-new 42 23"]);
}

/// A loop device, until dropped.
struct Loop(String);

impl Loop {
    fn new(file: &Path) -> Loop {
        Loop(accepts("losetup", &["--find", "--show", file.to_str().unwrap()]).trim().to_string())
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        dibber_tests::run("losetup", &["--detach", &self.0]);
    }
}

#[test]
fn equal_input_gives_an_equal_group() {
    let spec = || grouped("vg", &[mib(64)], None, vec![volume("root", exactly(32))]);
    assert_eq!(filled(&spec(), 5000).1, filled(&spec(), 5000).1);
}

#[test]
fn what_does_not_fit_is_said_with_both_numbers() {
    use dibber_layout::{Loaders, Measured, solve};
    let said = |pvs: &[SizeRule], size, lvs, content: u64| {
        let spec = grouped("vg", pvs, size, lvs);
        let content =
            spec.held_filesystems().map(|(name, _)| (name.to_string(), Bytes::mib(content))).collect();
        solve(&spec, &Measured { content }, &Loaders::new()).map(|_| ()).unwrap_err().to_string()
    };
    let two = || vec![volume("root", exactly(40)), volume("var", exactly(30))];
    assert_eq!(
        said(&[mib(64)], None, two(), 9),
        "volume group `vg`: `var` wants 8 extents (32 MiB), and 5 (20 MiB) of 15 are left; make a physical volume larger, or this or \
         an earlier volume smaller"
    );
    assert!(said(&[mib(64)], None, vec![volume("root", exactly(40))], 50).starts_with(
        "disk `image0`: logical volume `root` holds at most 40 MiB (41943040 bytes), and its content needs 50 MiB (52428800 bytes)"
    ));
    assert!(said(&[mib(4)], None, two(), 9).starts_with(
        "physical volume `pv0`: partition `part0` has 4 MiB (4194304 bytes), and the least is 5 MiB (5242880 bytes)"
    ));
    let none = vec![volume("root", LvSize::Rule(REST)), volume("var", LvSize::Rule(REST))];
    assert!(
        said(&[REST], Some(Bytes::mib(64)), none, 9)
            .starts_with("disk `image0`: logical volume `var` holds at most 0 bytes")
    );
    let large = vec![volume("root", LvSize::Extents(u64::MAX / 2))];
    assert!(said(&[mib(64)], None, large, 9).contains("more than"));
}

fn sizes() -> impl Strategy<Value = LvSize> {
    prop_oneof![
        (10u64..60).prop_map(exactly),
        (3u64..20).prop_map(LvSize::Extents),
        Just(LvSize::Rule(CONTENT)),
        (500u32..2500).prop_map(|share| LvSize::Group { share }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Groups of one to four physical volumes, of given sizes and of none, with names of every letter that lvm2 takes.
    #[test]
    fn any_group_is_read_by_lvm2_and_grub(
        name in "[a-zA-Z0-9_][a-zA-Z0-9+_.-]{0,20}",
        volumes in proptest::collection::btree_map("[a-z0-9+_][a-zA-Z0-9+_.-]{0,10}", sizes(), 1..5),
        pvs in proptest::collection::vec(prop_oneof![(6u64..80).prop_map(mib), Just(CONTENT)], 1..5),
        len in 0usize..200_000,
    ) {
        // One takes what the others leave wanted.
        let pvs: Vec<SizeRule> = pvs.into_iter().chain([CONTENT]).skip(1).collect();
        let lvs = volumes.into_iter().map(|(name, size)| volume(&name, size)).collect();
        Made::of(&grouped(&name, &pvs, None, lvs), len).judged();
    }
}
