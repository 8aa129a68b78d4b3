//! The elements, layouts and image files that the program carries, so that the one file works anywhere.
//!
//! In: the repository, at compile time. Out: paths and bytes. Never: a file read at run time.

use dibber_engine::scan::Embedded;
use include_dir::{Dir, include_dir};

static ELEMENTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../elements");
static LAYOUTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../layouts");
static IMAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../images");

/// Paths, from the top of the repository, of files that can be run. Sorted.
static EXECUTABLES: &[&str] = include!(concat!(env!("OUT_DIR"), "/executables.rs"));

/// Path from the top of the repository, and content, of every file.
pub(crate) struct EmbeddedFiles(Vec<EmbeddedFile>);

struct EmbeddedFile {
    path: String,
    bytes: &'static [u8],
}

impl EmbeddedFiles {
    /// Everything.
    pub(crate) fn all() -> Self {
        let mut files = Vec::new();
        for (top, dir) in [("elements", &ELEMENTS), ("layouts", &LAYOUTS), ("images", &IMAGES)] {
            collect(top, dir, &mut files);
        }
        EmbeddedFiles(files)
    }

    /// The same, as the scanner wants it.
    pub(crate) fn files(&self) -> Vec<Embedded<'_>> {
        let executable = |path: &str| EXECUTABLES.binary_search(&path).is_ok();
        self.0
            .iter()
            .map(|EmbeddedFile { path, bytes }| Embedded { path, bytes, executable: executable(path) })
            .collect()
    }

    /// Names of built-in images.
    pub(crate) fn images() -> Vec<String> {
        let stem = |file: &include_dir::File<'_>| Some(file.path().file_stem()?.to_str()?.to_string());
        IMAGES.files().filter_map(stem).collect()
    }
}

fn collect(top: &str, dir: &'static Dir<'static>, files: &mut Vec<EmbeddedFile>) {
    files.extend(dir.files().map(|file| EmbeddedFile {
        path: format!("{top}/{}", file.path().display()),
        bytes: file.contents(),
    }));
    dir.dirs().for_each(|dir| collect(top, dir, files));
}
