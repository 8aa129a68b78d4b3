//! Everything that planning may look at, read once, before anything is planned. Planning itself opens no file, so the same sources make the
//! same plan on every machine.
//!
//! In: element directories, image files and layouts, on disk and in the program. Out: a [`SourceSet`]. Never: a second look at
//! what was read, a followed link inside an element, or a file skipped because it could not be read.
#![expect(
    clippy::disallowed_methods,
    reason = "paths that the person named; a link inside an element is read as a link"
)]

mod element;
mod modes;
pub mod one_by_one;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use dibber_model::Digest;
use dibber_plan::{Body, ElementSource, Entry, SourceSet, TextSource};

use dibber_fs::text;
use element::OutsideLink;

/// Where the program's own elements are from, for messages.
pub const BUILT_IN: &str = "built in";

/// A file that is part of the program.
#[derive(Clone, Copy, Debug)]
pub struct Embedded<'a> {
    /// Where it is in the repository: `elements/base/install.d/10-x`, `layouts/gpt.yaml`, `images/overcloud-full.yaml`.
    pub path: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
    /// Whether it can be run.
    pub executable: bool,
}

/// What is to be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct SourcePlaces<'a> {
    /// `ELEMENTS_PATH`: every sub-directory of each is an element; earlier ones win.
    pub elements: &'a [PathBuf],
    /// Image files, or names of those in the program (`overcloud-full`).
    pub images: &'a [PathBuf],
    /// Layout files; each is named by its file name without `.yaml`. They win over those in the program.
    pub layouts: &'a [PathBuf],
    /// What the program carries. Its elements come last, unless they come first.
    pub embedded: &'a [Embedded<'a>],
    /// Whether the program's elements win over those of the path.
    pub builtin_first: bool,
}

/// Why sources could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// An entry of the path of elements.
    #[error(
        "{path} in the path of elements is not a directory; name directories that hold elements (--elements-path, ELEMENTS_PATH)"
    )]
    NotADirectory {
        /// The entry.
        path: PathBuf,
    },
    /// An entry of the path of elements that is not there.
    #[error(
        "there is no {path}, which the path of elements names; name directories that hold elements (--elements-path, ELEMENTS_PATH)"
    )]
    NoSuchDirectory {
        /// The entry.
        path: PathBuf,
    },
    /// Something that cannot be read.
    #[error("cannot read {path}: {source}{}", mend(.source))]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A name or link target of other bytes.
    #[error("the name or link target of {path:?} is not UTF-8; rename it")]
    Name {
        /// Which file, with its odd bytes escaped.
        path: PathBuf,
    },
    /// Not a file, directory or link.
    #[error("{path} is {kind}; elements hold files, directories and symbolic links")]
    Special {
        /// Which file.
        path: PathBuf,
        /// What it is: `a socket` ...
        kind: &'static str,
    },
    /// A link among elements that leads elsewhere.
    #[error(
        "{link} leads to {target}, outside of the directories of elements, and is not read; name that directory itself"
    )]
    Outside {
        /// The link.
        link: PathBuf,
        /// What it leads to.
        target: PathBuf,
    },
    /// A text of other bytes.
    #[error("{path} is not UTF-8 text; save it as UTF-8")]
    NotText {
        /// Which file.
        path: PathBuf,
    },
    /// No such image.
    #[error("there is no image file {path}, and no built-in image of that name; built in are: {known}")]
    UnknownImage {
        /// What was asked for.
        path: PathBuf,
        /// Names of built-in images.
        known: String,
    },
}

impl ScanError {
    /// The file that it is about, if it is one of an element.
    pub fn path(&self) -> &Path {
        match self {
            ScanError::NotADirectory { path }
            | ScanError::NoSuchDirectory { path }
            | ScanError::Read { path, .. }
            | ScanError::Name { path }
            | ScanError::Special { path, .. }
            | ScanError::NotText { path }
            | ScanError::UnknownImage { path, .. } => path,
            ScanError::Outside { link, .. } => link,
        }
    }
}

fn mend(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; let the person who builds read it (chmod a+rX), or take it out of the path"
        }
        _ => "",
    }
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> ScanError {
    let path = path.to_path_buf();
    move |source| ScanError::Read { path, source }
}

/// Reads all sources.
pub fn scan(places: &SourcePlaces<'_>) -> Result<SourceSet, ScanError> {
    let mut set = SourceSet { builtin_first: places.builtin_first, ..SourceSet::default() };
    if places.builtin_first {
        embedded_elements(places.embedded).for_each(|element| keep(&mut set, element));
    }
    let within: Vec<PathBuf> = places.elements.iter().filter_map(|dir| dir.canonicalize().ok()).collect();
    for dir in places.elements {
        let found = element::elements(dir, &within)?;
        found.elements.into_iter().for_each(|element| keep(&mut set, element));
        for OutsideLink { link, target } in found.outside {
            // Whoever asks may know it by either name.
            let names =
                [&link, &target].map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()));
            let told = (link.display().to_string(), target.display().to_string());
            set.outside.extend(names.into_iter().flatten().map(|name| (name, told.clone())));
        }
    }
    embedded_elements(places.embedded).for_each(|element| keep(&mut set, element));
    for image in places.images {
        set.images.push(image_file(image, places.embedded)?);
    }
    for (name, file) in embedded_in(places.embedded, "layouts") {
        set.layouts.insert(name, built_in(file)?);
    }
    for path in places.layouts {
        let name = path.file_stem().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| ScanError::Name { path: path.clone() })?;
        set.layouts.insert(name.to_string(), text_file(path)?);
    }
    Ok(set)
}

/// The first of a name wins. The same directory met twice is one.
fn keep(set: &mut SourceSet, element: ElementSource) {
    match set.elements.get(&element.name) {
        Some(winner) if winner.origin == element.origin => {}
        Some(_) => set.shadowed.push((element.name, element.origin)),
        None => {
            set.elements.insert(element.name.clone(), element);
        }
    }
}

fn embedded_elements(files: &[Embedded<'_>]) -> impl Iterator<Item = ElementSource> {
    let mut elements: BTreeMap<&str, ElementSource> = BTreeMap::new();
    for file in files {
        let Some((name, path)) = file.path.strip_prefix("elements/").and_then(|rest| rest.split_once('/'))
        else {
            continue;
        };
        let element = elements.entry(name).or_insert_with(|| ElementSource {
            name: name.to_string(),
            origin: BUILT_IN.to_string(),
            entries: BTreeMap::new(),
            modes: BTreeMap::new(),
        });
        for (end, _) in path.match_indices('/') {
            element.entries.entry(path[..end].to_string()).or_insert(Entry::Dir);
        }
        let entry = Entry::File {
            executable: file.executable,
            digest: Digest::of(file.bytes),
            body: Body::Inline(file.bytes.into()),
        };
        element.entries.insert(path.to_string(), entry);
    }
    elements.into_values()
}

/// YAML files of a top directory of the program, by their names without `.yaml`.
fn embedded_in<'a>(
    files: &'a [Embedded<'a>],
    top: &'a str,
) -> impl Iterator<Item = (String, &'a Embedded<'a>)> {
    files.iter().filter_map(move |file| {
        let name = file.path.strip_prefix(top)?.strip_prefix('/')?.strip_suffix(".yaml")?;
        Some((name.to_string(), file))
    })
}

fn built_in(file: &Embedded<'_>) -> Result<TextSource, ScanError> {
    let text =
        str::from_utf8(file.bytes).map_err(|_| ScanError::NotText { path: PathBuf::from(file.path) })?;
    Ok(TextSource { origin: format!("built in: {}", file.path), text: text.to_string() })
}

fn text_file(path: &Path) -> Result<TextSource, ScanError> {
    let bytes = text::bytes(path).map_err(unreadable(path))?;
    let text = String::from_utf8(bytes).map_err(|_| ScanError::NotText { path: path.to_path_buf() })?;
    Ok(TextSource { origin: path.display().to_string(), text })
}

/// A file, or else what the program has under that name: `overcloud-full`, `overcloud-full.yaml` or
/// `images/overcloud-full.yaml`.
fn image_file(path: &Path, embedded: &[Embedded<'_>]) -> Result<TextSource, ScanError> {
    match text_file(path) {
        Err(ScanError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    let asked = path.to_string_lossy();
    let asked = asked.strip_prefix("images/").unwrap_or(&asked);
    let asked = asked.strip_suffix(".yaml").unwrap_or(asked);
    match embedded_in(embedded, "images").find(|(name, _)| name == asked) {
        Some((_, file)) => built_in(file),
        None => {
            let known: Vec<String> = embedded_in(embedded, "images").map(|(name, _)| name).collect();
            Err(ScanError::UnknownImage { path: path.to_path_buf(), known: known.join(", ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMBEDDED: [Embedded<'static>; 5] = [
        Embedded { path: "elements/base/install.d/10-x", bytes: b"#!/bin/sh\n", executable: true },
        Embedded { path: "elements/base/README.rst", bytes: b"#!not a hook", executable: false },
        Embedded { path: "elements/vm/environment.d/10-y.bash", bytes: b"export A=b\n", executable: false },
        Embedded { path: "layouts/gpt.yaml", bytes: b"- local_loop:\n", executable: false },
        Embedded { path: "images/tiny.yaml", bytes: b"disk_images: []\n", executable: false },
    ];

    #[test]
    fn the_program_carries_elements_layouts_and_images() {
        let images = ["tiny".into(), "images/tiny.yaml".into()];
        let places = SourcePlaces { images: &images, embedded: &EMBEDDED, ..SourcePlaces::default() };
        let set = scan(&places).unwrap();
        let base = &set.elements["base"];
        let runs = |path: &str| matches!(base.entries[path], Entry::File { executable, .. } if executable);
        assert!(runs("install.d/10-x") && !runs("README.rst"));
        assert_eq!(base.entries["install.d"], Entry::Dir);
        assert_eq!(set.elements["vm"].text("environment.d/10-y.bash"), Some("export A=b\n"));
        assert_eq!(set.layouts["gpt"].origin, "built in: layouts/gpt.yaml");
        assert_eq!(set.images[0], set.images[1]);
        let missing = scan(&SourcePlaces { images: &["big".into()], ..places }).unwrap_err().to_string();
        assert!(missing.contains("no image file big") && missing.contains("tiny"), "{missing}");
    }
}
