//! A group in words, as lvm2 keeps it on each of its physical volumes.
//!
//! In: a placed group. Out: its text with the zero at its end. Never: a name of a device: they differ where the disk will be, and
//! lvm2 finds its volumes by their ids.
//!
//! The order and the spelling are those of lvm2's `lib/format_text/export.c`; GRUB's `grub-core/disk/lvm.c` reads it too.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use dibber_model::{LvKind, LvSegment, LvmId, PlacedPv, PlacedVg};

use super::thin::pool_lines;
use super::{LvmMaking, thin_volumes};

/// Who made it, where lvm2 has the name of a machine.
const HOST: &str = "dibber";
/// The status of a volume of a person's, and of one that others are made of.
const VISIBLE: &str = "\"READ\", \"WRITE\", \"VISIBLE\"";
const HIDDEN: &str = "\"READ\", \"WRITE\"";
/// What lvm2 calls the extents that it keeps to mend the metadata of a pool (`lib/metadata/pool_manip.c`).
const SPARE: &str = "lvol0_pmspare";
/// Bytes of the sectors in which lengths are written.
const SECTOR: u64 = 512;

/// The whole text.
pub(super) fn text(group: &PlacedVg, making: &LvmMaking) -> Vec<u8> {
    let mut text = Text { text: String::new(), time: making.epoch.secs };
    let spec = &group.spec;
    text.open(&spec.name);
    text.id(spec.id);
    // The next change by lvm2 is the second.
    text.line("seqno = 1");
    text.line("format = \"lvm2\"");
    text.line("status = [\"RESIZEABLE\", \"READ\", \"WRITE\"]");
    text.line("flags = []");
    text.number("extent_size", spec.extent.0 / SECTOR);
    for key in ["max_lv", "max_pv", "metadata_copies"] {
        text.number(key, 0);
    }
    text.open("physical_volumes");
    for (index, pv) in group.pvs.iter().enumerate() {
        text.physical(index, pv);
    }
    text.close();
    text.open("logical_volumes");
    let own_id = |name: &str| LvmId::of(&making.seed, &alloc::format!("lvm lv {} {name}", spec.name));
    for lv in &group.lvs {
        let (name, id) = (&lv.spec.name, lv.spec.id);
        match &lv.spec.kind {
            LvKind::Linear => text.linear(name, id, VISIBLE, &lv.segments),
            LvKind::Pool => {
                let volumes = thin_volumes(group, name).count() as u64;
                text.single(name, id, lv.count, &pool_lines(lv, group.bytes(lv), volumes));
                for (part, segments) in [("tdata", &lv.segments), ("tmeta", &lv.metadata)] {
                    let part = alloc::format!("{name}_{part}");
                    text.linear(&part, own_id(&part), HIDDEN, segments);
                }
            }
            LvKind::Thin { pool } => {
                let index =
                    thin_volumes(group, pool).position(|own| own.spec.name == *name).unwrap_or_default();
                let lines = [
                    "type = \"thin\"".into(),
                    alloc::format!("thin_pool = \"{pool}\""),
                    alloc::format!("transaction_id = {index}"),
                    alloc::format!("device_id = {}", index + 1),
                ];
                text.single(name, id, lv.count, &lines);
            }
        }
    }
    if !group.spare.is_empty() {
        text.linear(SPARE, own_id(SPARE), HIDDEN, &group.spare);
    }
    text.close();
    text.close();
    text.line("contents = \"Text Format Volume Group\"");
    text.number("version", 1);
    text.line("description = \"\"");
    text.line(&alloc::format!("creation_host = \"{HOST}\""));
    let time = text.time;
    text.line(&alloc::format!("creation_time = {time}"));
    let mut bytes = text.text.into_bytes();
    bytes.push(0);
    bytes
}

/// A text that grows by lines.
struct Text {
    text: String,
    time: i64,
}

impl Text {
    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("a text grows without fail");
    }

    /// GRUB counts letters: it takes for granted that no line is indented, and that a blank one precedes each section.
    fn open(&mut self, name: &str) {
        if !self.text.is_empty() {
            self.line("");
        }
        self.line(&alloc::format!("{name} {{"));
    }

    fn close(&mut self) {
        self.line("}");
    }

    fn number(&mut self, key: &str, value: u64) {
        self.line(&alloc::format!("{key} = {value}"));
    }

    fn id(&mut self, id: LvmId) {
        self.line(&alloc::format!("id = \"{id}\""));
    }

    fn physical(&mut self, index: usize, pv: &PlacedPv) {
        self.open(&pv_name(index));
        self.id(pv.spec.id);
        self.line("status = [\"ALLOCATABLE\"]");
        self.line("flags = []");
        self.number("dev_size", pv.len / SECTOR);
        self.number("pe_start", pv.first / SECTOR);
        self.number("pe_count", pv.count);
        self.close();
    }

    /// A volume of one segment that is made of other volumes.
    fn single(&mut self, name: &str, id: LvmId, count: u64, lines: &[String]) {
        self.head(name, id, VISIBLE, 1);
        self.open("segment1");
        self.number("start_extent", 0);
        self.number("extent_count", count);
        for line in lines {
            self.line(line);
        }
        self.close();
        self.close();
    }

    fn linear(&mut self, name: &str, id: LvmId, status: &str, segments: &[LvSegment]) {
        self.head(name, id, status, segments.len());
        let mut at = 0;
        for (index, segment) in segments.iter().enumerate() {
            self.open(&alloc::format!("segment{}", index + 1));
            self.number("start_extent", at);
            self.number("extent_count", segment.count);
            self.line("type = \"striped\"");
            self.number("stripe_count", 1);
            self.line(&alloc::format!("stripes = [ \"{}\", {} ]", pv_name(segment.pv), segment.start));
            self.close();
            at += segment.count;
        }
        self.close();
    }

    fn head(&mut self, name: &str, id: LvmId, status: &str, segments: usize) {
        self.open(name);
        self.id(id);
        self.line(&alloc::format!("status = [{status}]"));
        self.line("flags = []");
        let time = self.time;
        self.line(&alloc::format!("creation_time = {time}"));
        self.line(&alloc::format!("creation_host = \"{HOST}\""));
        self.number("segment_count", segments as u64);
    }
}

/// What the text calls a physical volume.
fn pv_name(index: usize) -> String {
    alloc::format!("pv{index}")
}
