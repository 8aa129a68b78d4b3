//! How many bytes a partition wants.
//!
//! In: its size rule, what its content needs, and what is still free. Out: its length before it is placed. A logical volume is
//! asked for by the same rules. Never: a place.

use dibber_model::{Bytes, DiskSpec, FsKind, PartContents, PartSpec, SizeRule};

use crate::{LayoutError, Loaders, Measured};

/// What sizes are found from.
#[derive(Clone, Copy)]
pub(crate) struct Needs<'a> {
    pub(crate) spec: &'a DiskSpec,
    pub(crate) measured: &'a Measured,
    pub(crate) loaders: &'a Loaders,
    /// Bytes of which sizes are multiples: the disk's alignment, or a group's extents.
    pub(crate) unit: u64,
}

/// What content has beyond its minimal size: a tenth, and at least so many bytes.
fn headroom(kind: FsKind, content: u64) -> u64 {
    (content / 10).max(kind.facts().headroom.0)
}

impl Needs<'_> {
    /// Bytes that the partition takes, a multiple of the unit. `free` is what is left on a disk of given size.
    pub(crate) fn len(&self, part: &PartSpec, free: Option<u64>) -> Result<u64, LayoutError> {
        let content = self.content(part)?;
        let (bytes, rule) = match (part.size, free) {
            (SizeRule::Exact(size), _) => (self.up(size.0)?, "its size"),
            (SizeRule::Free { share }, _) if share == 0 || share > 10_000 => {
                let (disk, part) = (self.spec.name.clone(), part.name.clone());
                return Err(LayoutError::BadShare { disk, part, share });
            }
            (SizeRule::Free { share }, Some(free)) => (self.share(free, share), "the disk's size"),
            (SizeRule::Free { .. }, None) => (self.roomy(part, content, None, None)?, "the disk's size"),
            (SizeRule::ContentAnd(room), _) => {
                let wants = content.unwrap_or(0).checked_add(room.0);
                (self.up(wants.ok_or_else(|| self.too_large())?)?, "its size")
            }
            (SizeRule::Content { min, max }, _) => (self.roomy(part, content, min, max)?, "its max"),
        };
        self.check(part, bytes, rule)?;
        Ok(bytes)
    }

    /// Whether the content fits so many bytes, which `rule` decided.
    pub(crate) fn check(&self, part: &PartSpec, bytes: u64, rule: &'static str) -> Result<(), LayoutError> {
        match self.content(part)? {
            Some(wanted) if wanted > bytes => Err(LayoutError::ContentTooLarge {
                disk: self.spec.name.clone(),
                what: self.word(part),
                part: part.name.clone(),
                wanted: Bytes(wanted),
                available: Bytes(bytes),
                rule,
            }),
            _ => Ok(()),
        }
    }

    /// What content wants with its headroom; 0 of what fits any size.
    pub(crate) fn roomy_or_nothing(&self, part: &PartSpec) -> Result<u64, LayoutError> {
        match self.content(part)? {
            None => Ok(0),
            content => self.roomy(part, content, None, None),
        }
    }

    /// What errors call this one.
    fn word(&self, part: &PartSpec) -> &'static str {
        match self.spec.parts.iter().any(|known| known.name == part.name) {
            true => "partition",
            false => "logical volume",
        }
    }

    pub(crate) fn too_large(&self) -> LayoutError {
        LayoutError::TooLarge { disk: self.spec.name.clone() }
    }

    /// What the content needs at least; `None` if it fits any size.
    fn content(&self, part: &PartSpec) -> Result<Option<u64>, LayoutError> {
        match &part.contents {
            PartContents::Nothing => Ok(None),
            // A partition that is as large as its group wants; it has been asked.
            PartContents::Pv => Ok(self.measured.content.get(&part.name).map(|size| size.0)),
            PartContents::Loader(loader) => match self.loaders.get(loader) {
                Some(size) => Ok(Some(size.0)),
                None => Err(LayoutError::NoLoader {
                    disk: self.spec.name.clone(),
                    place: part.name.clone(),
                    loader: *loader,
                }),
            },
            PartContents::Fs(fs) => match (self.measured.content.get(&part.name), fs.kind) {
                (Some(size), _) => Ok(Some(size.0)),
                (None, kind) if !kind.facts().holds_files => Ok(None),
                (None, _) => {
                    let (disk, what) = (self.spec.name.clone(), self.word(part));
                    Err(LayoutError::NotMeasured { disk, what, part: part.name.clone() })
                }
            },
        }
    }

    /// Content with its headroom, between `min` and `max`.
    fn roomy(
        &self,
        part: &PartSpec,
        content: Option<u64>,
        min: Option<Bytes>,
        max: Option<Bytes>,
    ) -> Result<u64, LayoutError> {
        let (disk, what, name) = (self.spec.name.clone(), self.word(part), part.name.clone());
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            return Err(LayoutError::MinAboveMax { disk, what, part: name, min, max });
        }
        let sized_by_content =
            !matches!(&part.contents, PartContents::Fs(fs) if !fs.kind.facts().holds_files);
        let wants = match (&part.contents, content) {
            (PartContents::Fs(fs), Some(bytes)) => Some(bytes.saturating_add(headroom(fs.kind, bytes))),
            (_, content) => content,
        };
        let Some(wants) = wants.filter(|_| sized_by_content).max(min.map(|b| b.0)) else {
            return Err(LayoutError::NoSize { disk, what, part: name });
        };
        match max {
            Some(max) if wants > max.0 => Ok(max.0 - max.0 % self.unit),
            _ => self.up(wants),
        }
    }

    fn share(&self, free: u64, share: u32) -> u64 {
        let bytes = u128::from(free) * u128::from(share) / 10_000;
        let bytes = u64::try_from(bytes).expect("a share of at most all of a u64 is a u64");
        bytes - bytes % self.unit
    }

    pub(crate) fn up(&self, bytes: u64) -> Result<u64, LayoutError> {
        Bytes(bytes).round_up(self.unit).map(|b| b.0).ok_or_else(|| self.too_large())
    }
}
