//! The hooks directory of one step, laid out afresh. dib merges all elements into one directory for the whole build; here a step sees its
//! own phase's hooks up to itself, and no later one.
//!
//! In: a plan and a step. Out: files below `hooks/`, and each element's own files below `hooks/.elements/`, with the modes that images
//! have of them. Never: an owner or time of the directories that were scanned; a link of an element followed.

use std::collections::{BTreeMap, btree_map};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use dibber_fs::Dir;
use dibber_model::Phase;
use dibber_plan::elements::hooks::{self, StepPlace};
use dibber_plan::elements::visibility::{NEVER, OWN_DIRECTORIES};
use dibber_plan::{Body, ElementSource, Entry, Plan};

use super::dib_lib::{self, LibFile};
use super::error::StepError;
use super::{IMAGE_DIR, TREE, WORK, id};

/// The hooks in `TMP_BUILD_DIR`.
pub(super) const HOOKS: &str = "hooks";

/// Below the hooks directory: each element's own directory, as `get_image_element_array` names it, whose files the flat merge would hide or
/// mix with others'. Names of hooks and of phases have no dot in front, so nothing there is taken for one.
pub const ELEMENTS: &str = OWN_DIRECTORIES;

/// What is to be made of one name, with everything opened that is elsewhere.
enum ItemContent<'a> {
    Dir,
    /// One of an element's, with its mode.
    ElementDir(u32),
    Link(&'a str),
    Text {
        bytes: &'a [u8],
        mode: u32,
    },
    Copy {
        from: File,
        mode: u32,
    },
    /// The same file as at this path. What lies on top of this layer is written to never here, so nobody sees that they are one.
    Again(PathBuf),
}

/// One name of the hooks directory.
struct LayoutItem<'a> {
    path: PathBuf,
    what: ItemContent<'a>,
}

/// A hooks directory that has yet to be made.
pub(super) struct HooksLayout<'a> {
    items: Vec<LayoutItem<'a>>,
    /// Where large files are already, by their places in the store and modes.
    large: BTreeMap<(&'a str, u32), PathBuf>,
}

impl<'a> HooksLayout<'a> {
    /// What a step sees; without a step, the elements' own files only.
    pub(super) fn new(plan: &'a Plan, view: Option<StepPlace<'_>>) -> io::Result<HooksLayout<'a>> {
        let mut layout = HooksLayout {
            items: [TREE, WORK, IMAGE_DIR]
                .map(|name| LayoutItem { path: name.into(), what: ItemContent::Dir })
                .into(),
            large: BTreeMap::new(),
        };
        let hooks = Path::new(HOOKS);
        layout.items.push(LayoutItem { path: hooks.join(ELEMENTS), what: ItemContent::Dir });
        for phase in Phase::all() {
            layout.items.push(LayoutItem { path: hooks.join(phase.directory()), what: ItemContent::Dir });
        }
        for LibFile { name, text } in dib_lib::FILES {
            let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
            let what = ItemContent::Text { bytes: text.as_bytes(), mode };
            layout.items.push(LayoutItem { path: hooks.join(dib_lib::LIB).join(name), what });
        }
        let request = id::step_request(plan);
        let at = view.map_or(NEVER, |place| place.at);
        for name in plan.names.iter().filter(|_| plan.visibility.names_from() <= at) {
            layout.items.push(LayoutItem { path: hooks.join(ELEMENTS).join(name), what: ItemContent::Dir });
        }
        let files = match view {
            Some(place) => hooks::laid_out(&request, &plan.visibility, place),
            None => hooks::all_own_directories(&plan.elements),
        };
        for file in files {
            if let Some(element) = plan.elements.iter().find(|element| element.name == file.element) {
                layout.add(hooks.join(&file.path), element, &file.source)?;
            }
        }
        Ok(layout)
    }

    /// Adds what an element has at a path, if it has something there.
    fn add(&mut self, path: PathBuf, element: &'a ElementSource, source: &str) -> io::Result<()> {
        let Some(entry) = element.entries.get(source) else { return Ok(()) };
        let mode = element.mode(source).unwrap_or(0o644);
        let what = match entry {
            Entry::Dir => ItemContent::ElementDir(mode),
            Entry::Symlink(target) => ItemContent::Link(target),
            Entry::File { body: Body::Inline(bytes), .. } => ItemContent::Text { bytes, mode },
            // A copy in the store under a digest: see `Store::keep_source`.
            Entry::File { body: Body::OnDisk(source), .. } => match self.large.entry((source, mode)) {
                btree_map::Entry::Occupied(first) => ItemContent::Again(first.get().clone()),
                btree_map::Entry::Vacant(place) => {
                    place.insert(path.clone());
                    ItemContent::Copy { from: dibber_fs::open_file(Path::new(source))?, mode }
                }
            },
        };
        self.items.push(LayoutItem { path, what });
        Ok(())
    }

    /// Makes it in a directory.
    pub(super) fn make(self, dir: &Dir) -> Result<(), StepError> {
        for LayoutItem { path, what } in self.items {
            make_item(dir, &path, what).map_err(|source| StepError::Layout { path, source })?;
        }
        Ok(())
    }
}

fn make_item(dir: &Dir, path: &Path, what: ItemContent<'_>) -> io::Result<()> {
    match what {
        ItemContent::Dir => return dir.make_dirs(path, 0o755).map(drop),
        ItemContent::ElementDir(mode) => {
            let made = dir.make_dirs(path, 0o755)?;
            // As rsync does, the last element that has a directory says what it is like.
            return Ok(rustix::fs::fchmod(made, rustix::fs::Mode::from_raw_mode(mode))?);
        }
        _ => {}
    }
    if let Some(parent) = path.parent() {
        dir.make_dirs(parent, 0o755)?;
    }
    // A later element's file takes the place of an earlier one's.
    dir.remove_file(path)?;
    match what {
        ItemContent::Dir | ItemContent::ElementDir(_) => Ok(()),
        ItemContent::Link(target) => dir.link_to(target, path),
        ItemContent::Text { mut bytes, mode } => write_file(dir, path, mode, &mut bytes),
        ItemContent::Copy { mut from, mode } => write_file(dir, path, mode, &mut from),
        ItemContent::Again(first) => dir.hard_link(first, dir, path),
    }
}

/// The mode comes last: the kernel takes the set-user-ID bit from a file that is written to.
fn write_file(dir: &Dir, path: &Path, mode: u32, from: &mut dyn io::Read) -> io::Result<()> {
    let mut file = dir.create(path, 0o600)?;
    io::copy(from, &mut file)?;
    Ok(rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(mode))?)
}
