//! Volume groups of LVM, by what their physical volumes say of them.
//!
//! In: the physical volumes of a disk. Out: groups with their volumes, and the bytes of those volumes that are made of extents. Never:
//! more volumes than a person has; a run of extents that is not on its physical volume.

mod label;
mod mapped;
mod text;

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Serialize;

use self::label::Member;
use self::mapped::{Mapped, Run};
use self::text::{Section, Value};
use super::disk::FilesystemInfo;
use super::source::Source;
use super::{ShowError, probe};

/// Most volumes of a disk that are looked into.
const VOLUMES_MAX: usize = 256;
/// Bytes of the sectors in which lvm2 counts.
const SECTOR: u64 = 512;

/// A volume group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VolumeGroup {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Bytes of an extent.
    pub extent_bytes: u64,
    /// Numbers of the partitions that are its physical volumes, in its order.
    pub partitions: Vec<u32>,
    /// Its logical volumes, but for those that only other ones use.
    pub volumes: Vec<LogicalVolume>,
}

/// A logical volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogicalVolume {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Length in bytes.
    pub bytes: u64,
    /// `linear`, `striped`, `thin` ... as `lvs -o segtype` has it.
    pub kind: String,
    /// What is in it, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<FilesystemInfo>,
}

/// A physical volume, with the number of its partition.
pub(super) struct Found {
    pub(super) number: u32,
    pub(super) source: Rc<dyn Source>,
}

/// Groups, and their volumes whose files can be read: which of all volumes, in the order of the groups.
#[derive(Default)]
pub(super) struct Groups {
    pub(super) groups: Vec<VolumeGroup>,
    pub(super) volumes: Vec<(usize, Rc<dyn super::volume::Volume>)>,
    /// What is wrong, and does not hinder reading.
    pub(super) notes: Vec<String>,
}

/// The groups that these physical volumes tell of.
pub(super) fn read(physical: &[Found]) -> Result<Groups, ShowError> {
    let mut found = Groups::default();
    let mut members: Vec<(&Found, Member)> = Vec::new();
    for one in physical {
        match label::read(&*one.source)? {
            Ok(member) => members.push((one, member)),
            Err(why) => found.notes.push(format!("physical volume in partition {}: {why}", one.number)),
        }
    }
    let mut known: Vec<String> = Vec::new();
    for (one, member) in &members {
        let Some(text) = &member.text else { continue };
        let group = match text::parse(text) {
            Ok(top) => top.sections().next().map(|(name, group)| (name.to_string(), group.clone())),
            Err(why) => {
                found.notes.push(format!("physical volume in partition {}: {why}", one.number));
                continue;
            }
        };
        let Some((name, section)) = group.filter(|(name, _)| !known.contains(name)) else { continue };
        known.push(name.clone());
        let count = found.groups.iter().map(|group| group.volumes.len()).sum();
        let reader = GroupReader { name, section: &section, members: &members };
        reader.read(count, &mut found)?;
    }
    Ok(found)
}

/// A physical volume, as its group tells of it.
struct Physical<'a> {
    /// Which of those that are here it is.
    found: Option<&'a Found>,
    /// Where its extents begin, in bytes.
    start: Option<u64>,
}

/// The physical volumes of a group, by the names that its text has for them: texts may have thousands of segments.
type PhysicalByName<'a, 's> = BTreeMap<&'s str, Physical<'a>>;

/// A group that is being read.
struct GroupReader<'a> {
    name: String,
    section: &'a Section,
    members: &'a [(&'a Found, Member)],
}

impl<'a> GroupReader<'a> {
    /// Adds the group, of whose elders `count` volumes are known.
    fn read(&self, count: usize, found: &mut Groups) -> Result<(), ShowError> {
        let extent = self.section.number("extent_size").unwrap_or(0).saturating_mul(SECTOR);
        let mut group = VolumeGroup {
            name: self.name.clone(),
            id: self.section.text("id").unwrap_or_default().to_string(),
            extent_bytes: extent,
            partitions: Vec::new(),
            volumes: Vec::new(),
        };
        let (mut pvs, mut all) = (PhysicalByName::new(), 0);
        for (name, pv) in self.section.section("physical_volumes").into_iter().flat_map(Section::sections) {
            let start = pv.number("pe_start").and_then(|start| start.checked_mul(SECTOR));
            let found = self.member(pv);
            group.partitions.extend(found.map(|one| one.number));
            all += 1;
            pvs.entry(name).or_insert(Physical { found, start });
        }
        if group.partitions.len() < all {
            let here = group.partitions.len();
            found
                .notes
                .push(format!("volume group {}: {here} of its {all} physical volumes are here", self.name));
        }
        let lvs = self.section.section("logical_volumes").into_iter().flat_map(Section::sections);
        for (name, lv) in lvs.filter(|(_, lv)| lv.words("status").any(|word| word == "VISIBLE")) {
            if count + group.volumes.len() >= VOLUMES_MAX {
                found.notes.push(format!("more than {VOLUMES_MAX} logical volumes; these are the first"));
                break;
            }
            let place = count + group.volumes.len();
            let (volume, files) = Self::volume(name, lv, &pvs, extent)?;
            found.volumes.extend(files.map(|files| (place, files)));
            group.volumes.push(volume);
        }
        found.groups.push(group);
        Ok(())
    }

    /// The partition that a physical volume is, by its id.
    fn member(&self, pv: &Section) -> Option<&'a Found> {
        let id = pv.text("id")?;
        self.members.iter().find(|(_, member)| member.id == id).map(|(one, _)| *one)
    }

    fn volume(
        name: &str,
        lv: &Section,
        pvs: &PhysicalByName<'_, '_>,
        extent: u64,
    ) -> Result<(LogicalVolume, Option<Rc<dyn super::volume::Volume>>), ShowError> {
        let segments: Vec<&Section> =
            lv.sections().filter(|(name, _)| name.starts_with("segment")).map(|(_, one)| one).collect();
        let count = |one: &&Section| one.number("extent_count").unwrap_or(0);
        let bytes = segments.iter().map(count).fold(0, u64::saturating_add).saturating_mul(extent);
        let kind = segments.first().and_then(|one| one.text("type")).unwrap_or("nothing").to_string();
        let linear = segments
            .iter()
            .all(|one| one.text("type") == Some("striped") && one.number("stripe_count") == Some(1));
        let mut volume = LogicalVolume {
            name: name.to_string(),
            id: lv.text("id").unwrap_or_default().to_string(),
            bytes,
            kind: if linear { "linear".to_string() } else { kind },
            filesystem: None,
        };
        if !linear {
            return Ok((volume, None));
        }
        let problem = |why: String| FilesystemInfo {
            kind: "LVM".to_string(),
            problem: Some(why),
            damaged: true,
            ..FilesystemInfo::default()
        };
        match Self::runs(&segments, pvs, extent) {
            Ok(runs) => {
                let source: Rc<dyn Source> = Rc::new(Mapped::new(runs, bytes));
                let probed = probe::probe(&source)?;
                volume.filesystem = probed.info;
                Ok((volume, probed.volume))
            }
            Err(why) => {
                volume.filesystem = Some(problem(why));
                Ok((volume, None))
            }
        }
    }

    /// Where the extents of a volume are; or why some are not there.
    fn runs(segments: &[&Section], pvs: &PhysicalByName<'_, '_>, extent: u64) -> Result<Vec<Run>, String> {
        let (mut runs, mut at) = (Vec::new(), 0u64);
        for segment in segments {
            let count = segment.number("extent_count").unwrap_or(0);
            let start = segment.number("start_extent").unwrap_or(0);
            let [Value::Text(name), Value::Number(first)] = segment.list("stripes") else {
                return Err("a segment does not say where its extents are".to_string());
            };
            let pv = pvs.get(name.as_str());
            let pv = pv.ok_or_else(|| format!("its physical volume {name} is not in its group"))?;
            let Some(member) = pv.found else {
                return Err(format!("its physical volume {name} is not on this disk"));
            };
            let offset = first.checked_mul(extent);
            let place = pv.start.zip(offset).and_then(|(place, offset)| place.checked_add(offset));
            let len = count.checked_mul(extent);
            let inside = place.zip(len).and_then(|(place, len)| place.checked_add(len));
            if inside.is_none_or(|end| end > member.source.len()) || start.checked_mul(extent) != Some(at) {
                return Err(format!("a segment of {count} extents from {first} of {name} is not there"));
            }
            let (place, len) = (place.unwrap_or_default(), len.unwrap_or_default());
            runs.push(Run { at, len, source: Rc::clone(&member.source), place });
            at = at.checked_add(len).ok_or("it is longer than any disk")?;
        }
        match runs.is_empty() {
            true => Err("it has no extents".to_string()),
            false => Ok(runs),
        }
    }
}
