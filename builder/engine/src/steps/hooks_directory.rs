//! The hooks directory of one step, laid out afresh. dib merges all elements into one directory for the whole build; here a step sees its
//! own phase's hooks up to itself, and no later one.
//!
//! In: a plan and a step. Out: files below `hooks/`, and each element's own files below `hooks/.elements/`, with the modes that images
//! have of them. Never: an owner or time of the directories that were scanned; a link of an element followed.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use dibber_fs::Dir;
use dibber_model::Phase;
use dibber_plan::elements::hooks;
use dibber_plan::elements::visibility::{NEVER, OWN_DIRECTORIES};
use dibber_plan::{Body, ElementSource, Entry, NETWORK_FILE, Plan, Step};

use super::error::StepError;
use super::{TREE, id};

/// The hooks in `TMP_BUILD_DIR`.
pub(super) const HOOKS: &str = "hooks";

/// Below the hooks directory: a directory for each element with the files of its top.
pub const ELEMENTS: &str = OWN_DIRECTORIES;

/// ItemContent is to be made of one name, with everything opened that is elsewhere.
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
}

/// One name of the hooks directory.
struct LayoutItem<'a> {
    path: PathBuf,
    what: ItemContent<'a>,
}

/// A hooks directory that has yet to be made.
pub(super) struct HooksLayout<'a> {
    items: Vec<LayoutItem<'a>>,
}

impl<'a> HooksLayout<'a> {
    /// ItemContent a step sees; without a step, the elements' own files only.
    pub(super) fn new(plan: &'a Plan, step: Option<&Step>) -> io::Result<HooksLayout<'a>> {
        let mut layout =
            HooksLayout { items: vec![LayoutItem { path: TREE.into(), what: ItemContent::Dir }] };
        let hooks = Path::new(HOOKS);
        for phase in Phase::all() {
            layout.items.push(LayoutItem { path: hooks.join(phase.directory()), what: ItemContent::Dir });
        }
        layout.elements(plan, step.map_or(NEVER, |step| plan.place_of(step).at))?;
        let Some(step) = step else { return Ok(layout) };
        for file in hooks::seen_by(&id::step_request(plan), &plan.visibility, plan.place_of(step)) {
            let element = plan.elements.iter().find(|element| element.name == file.element);
            if let Some(element) = element {
                layout.add(hooks.join(&file.path), element, &file.source)?;
            }
        }
        Ok(layout)
    }

    /// A directory for each name, empty for what the program stands in for, once a step can ask for the names; and the files that the
    /// step at a place is given.
    fn elements(&mut self, plan: &'a Plan, at: usize) -> io::Result<()> {
        let all = Path::new(HOOKS).join(ELEMENTS);
        self.items.push(LayoutItem { path: all.clone(), what: ItemContent::Dir });
        for name in plan.names.iter().filter(|_| plan.visibility.names_from() <= at) {
            self.items.push(LayoutItem { path: all.join(name), what: ItemContent::Dir });
        }
        for element in &plan.elements {
            // ItemContent concerns one element alone lies at its top: pkg-map, package-installs.yaml, source-repository-*.
            let top = |path: &str| {
                !path.contains('/') && Phase::of_directory(path).is_none() && path != NETWORK_FILE
            };
            let given = |path: &str| plan.visibility.file_from(&element.name, path) <= at;
            for path in element.entries.keys().filter(|path| top(path) && given(path)) {
                self.add(all.join(&element.name).join(path), element, path)?;
            }
        }
        Ok(())
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
            Entry::File { body: Body::OnDisk(source), .. } => {
                ItemContent::Copy { from: dibber_fs::open_file(Path::new(source))?, mode }
            }
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
    }
}

/// The mode comes last: the kernel takes the set-user-ID bit from a file that is written to.
fn write_file(dir: &Dir, path: &Path, mode: u32, from: &mut dyn io::Read) -> io::Result<()> {
    let mut file = dir.create(path, 0o600)?;
    io::copy(from, &mut file)?;
    Ok(rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(mode))?)
}
