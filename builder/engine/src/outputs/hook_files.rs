//! Files that hooks left beside the image. dib's hooks outside the tree work in the directory of whoever called it, and many write
//! `$IMAGE_NAME.something` there: a pruned agent's `.initramfs`, an `.iso`, a list of sums. They are files of the set as the others are.
//!
//! A kernel or ramdisk that hooks left stands for the one that this program would make; a disk or an archive of the tree is made after all
//! hooks, here as in dib, and stands for what hooks left.
//!
//! In: the directory in which hooks worked. Out: open files, by their extensions. Never: a link followed; a name that a set could not have.

use std::fs::File;
use std::io;

use dibber_fs::{Dir, os};
use dibber_plan::output::{OutputKind, Role};

/// No image has more of them.
const MOST: usize = 60;

/// An extension is no longer, in bytes.
const LONGEST: usize = 80;

/// Extensions of what this program writes beside an image itself.
const TAKEN: [&str; 2] = ["log", "failed.log"];

/// A file that hooks left beside the image.
pub(crate) struct HookFile {
    /// What follows the image's name and a dot.
    pub(crate) extension: String,
    pub(super) file: File,
}

impl HookFile {
    /// The format whose extension it has.
    pub(super) fn kind(&self) -> Option<OutputKind> {
        OutputKind::all().find(|kind| kind.extension() == self.extension)
    }

    /// Whether it stands for an output of this kind.
    pub(super) fn stands_for(&self, kind: OutputKind) -> bool {
        self.extension == kind.extension() && matches!(kind.role(), Role::Kernel | Role::Ramdisk)
    }
}

/// What hooks left in the directory in which they work.
pub(crate) struct LeftByHooks {
    /// What is taken along.
    pub(crate) files: Vec<HookFile>,
    /// What is not, and why.
    pub(crate) passed_over: Vec<String>,
}

/// Finds what hooks left for an image.
pub(crate) fn left_by_hooks(work: &Dir, image: &str) -> io::Result<LeftByHooks> {
    let mut found = LeftByHooks { files: Vec::new(), passed_over: Vec::new() };
    let mut names: Vec<String> =
        work.names()?.iter().map(|name| os(name).to_string_lossy().into_owned()).collect();
    names.sort();
    for name in names {
        // dib's directory of manifests, which are in the image as well.
        if name == format!("{image}.d") {
            continue;
        }
        let extension = name.strip_prefix(image).and_then(|rest| rest.strip_prefix('.'));
        match extension.ok_or_else(|| format!("it is not called {image}.something")).and_then(fitting) {
            Err(why) => found.passed_over.push(format!("{name} ({why})")),
            Ok(_) if found.files.len() == MOST => {
                found.passed_over.push(format!("{name} (there are {MOST} others)"));
            }
            Ok(extension) => match work.file(&name) {
                Ok(file) => found.files.push(HookFile { extension, file }),
                Err(error) => found.passed_over.push(format!("{name} ({error})")),
            },
        }
    }
    Ok(found)
}

/// The extension, if a set can have a file of it.
fn fitting(extension: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    if extension.is_empty() || extension.len() > LONGEST || !extension.chars().all(is_plain) {
        return Err("its name has something else than letters, digits, `-`, `_`, `+` and `.`".into());
    }
    if TAKEN.contains(&extension) || extension.ends_with(".json") {
        return Err("dibber itself writes a file of that name".into());
    }
    Ok(extension.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_as_the_image_is_taken_along() {
        let place = tempfile::tempdir().expect("a directory");
        let write = |name: &str| std::fs::write(place.path().join(name), name).expect("written");
        ["a.kernel", "a.sha256", "a.log", "ab.kernel", "a.x.json", "a.b c", "wget-log"]
            .into_iter()
            .for_each(write);
        std::os::unix::fs::symlink("/etc/shadow", place.path().join("a.initramfs")).expect("made");
        std::fs::create_dir(place.path().join("a.d")).expect("made");
        let found = left_by_hooks(&Dir::open(place.path()).expect("there"), "a").expect("read");
        let names: Vec<&str> = found.files.iter().map(|file| file.extension.as_str()).collect();
        assert_eq!(names, ["kernel", "sha256"]);
        assert!(found.files[0].stands_for(OutputKind::Kernel) && found.files[1].kind().is_none());
        let over: Vec<&str> =
            found.passed_over.iter().map(|text| text.split(" (").next().expect("a name")).collect();
        assert_eq!(over, ["a.b c", "a.initramfs", "a.log", "a.x.json", "ab.kernel", "wget-log"]);
    }
}
