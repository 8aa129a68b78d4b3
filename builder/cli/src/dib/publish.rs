//! The files of a build, put under the names that dib gives them.
//!
//! In: the build's own directory with a finished set. Out: `NAME.TYPE` with its sums, `NAME.d` with what describes it. Never: an image
//! that was there before, lost: it is renamed with the date, as dib does, unless `OVERWRITE_OLD_IMAGE` is set.
#![expect(
    clippy::disallowed_methods,
    reason = "paths that the person named, and the directory that the build made there"
)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dibber_imageset::{FileEntry, SetEntry};
use dibber_plan::dib::Checksums;
use dibber_plan::output::{OutputKind, OutputOrigin, TreeArchive};
use jiff::Zoned;

use super::checksums::{SummedFile, write_sums};
use super::log::Log;
use super::place::Place;
use crate::exit::Exit;
use crate::report::Problem;

/// What is to be put in place, and how.
pub(super) struct Publication<'a> {
    pub(super) place: &'a Place,
    pub(super) checksums: Checksums,
    pub(super) overwrite: bool,
    pub(super) log: &'a Log,
}

impl Publication<'_> {
    /// Puts everything in place, and removes the build's own directory.
    pub(super) fn publish(&self, set: &SetEntry) -> Result<(), Problem> {
        let own = self.place.set_dir();
        let descriptions = self.place.description_dir();
        make_dir(&descriptions)?;
        for file in &set.files {
            self.put(file, &own)?;
            let sidecar = format!("{}.json", file.name);
            rename(&own.join(&sidecar), &descriptions.join(&sidecar))?;
        }
        self.put_others(&own, &descriptions)?;
        let whole = self.place.own_dir();
        fs::remove_dir_all(&whole).map_err(|error| fault(&whole, &error))
    }

    fn put(&self, file: &FileEntry, own: &Path) -> Result<(), Problem> {
        let to = self.place.dir.join(&file.name);
        let kind = file.kind.known().copied();
        let archive = |of| kind.is_some_and(|kind| kind.origin() == OutputOrigin::Archive(of));
        let is_image = kind.is_some_and(OutputKind::is_disk) || archive(TreeArchive::Tgz);
        if is_image && !self.overwrite {
            self.put_aside(&to)?;
        }
        rename(&own.join(&file.name), &to)?;
        if archive(TreeArchive::Squashfs) {
            // dib writes `.squash`, and its own test looks for `.squashfs`.
            let other = self.place.dir.join(format!("{}.squashfs", self.place.name));
            let _ = fs::remove_file(&other);
            fs::hard_link(&to, &other).map_err(|error| fault(&other, &error))?;
        }
        let has_sums = kind.is_some_and(|kind| kind.is_disk() || kind.is_whole_tree());
        let before = format!("{}.", self.place.name);
        let called = self.place.written(file.name.strip_prefix(&before).unwrap_or_default());
        if has_sums {
            // Those of an image that was there before are of that image.
            for sum in ["md5", "sha256"] {
                let _ = fs::remove_file(with_sum(&to, sum));
            }
            let summed = SummedFile { path: &to, called: &called, sha256: file.sha256 };
            write_sums(&summed, self.checksums).map_err(|error| fault(&to, &error))?;
        }
        self.log.say(&format!("Image file {called} created..."));
        Ok(())
    }

    /// `NAME-DATE.TYPE`, with its sums.
    fn put_aside(&self, old: &Path) -> Result<(), Problem> {
        if !old.is_file() {
            return Ok(());
        }
        let aside = free_name(old);
        self.log.say(&format!("Old image found. Renaming it to {}", aside.display()));
        rename(old, &aside)?;
        for sum in ["md5", "sha256"] {
            let (from, to) = (with_sum(old, sum), with_sum(&aside, sum));
            if from.is_file() {
                rename(&from, &to)?;
            }
        }
        Ok(())
    }

    /// What else the build has for the image: files that hooks made under its name, and what they put into `NAME.d`.
    fn put_others(&self, own: &Path, descriptions: &Path) -> Result<(), Problem> {
        let before = format!("{}.", self.place.name);
        for entry in fs::read_dir(own).map_err(|error| fault(own, &error))?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_dir && name == format!("{}.d", self.place.name) {
                move_into(&entry.path(), descriptions)?;
            } else if name.ends_with(".log") {
                rename(&entry.path(), &descriptions.join(&name))?;
            } else if name.starts_with(&before) && !is_dir && !name.ends_with(".json") {
                rename(&entry.path(), &self.place.dir.join(&name))?;
                self.log.say(&format!("Image file {} created...", self.place.written(&name[before.len()..])));
            }
        }
        Ok(())
    }
}

/// The name that dib gives an old image; one that is taken gets a number.
fn free_name(old: &Path) -> PathBuf {
    let date = Zoned::now().strftime("%Y.%m.%d-%H.%M.%S").to_string();
    let name = old.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    let named = |more: String| old.with_file_name(format!("{stem}-{date}{more}.{extension}"));
    let numbers = (1..).map(|number: u32| format!("-{number}"));
    let mut names = std::iter::once(String::new()).chain(numbers).map(named);
    names.find(|name| name.symlink_metadata().is_err()).unwrap_or_else(|| named(String::new()))
}

fn with_sum(path: &Path, sum: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{sum}"));
    name.into()
}

fn move_into(from: &Path, to: &Path) -> Result<(), Problem> {
    make_dir(to)?;
    for entry in fs::read_dir(from).map_err(|error| fault(from, &error))?.flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => move_into(&entry.path(), &target)?,
            false => rename(&entry.path(), &target)?,
        }
    }
    Ok(())
}

/// Makes a directory with those above it.
pub(super) fn make_dir(dir: &Path) -> Result<(), Problem> {
    fs::create_dir_all(dir).map_err(|error| fault(dir, &error))
}

/// Writes a file that is there whole or not at all.
pub(super) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let scratch = with_sum(path, "new");
    fs::write(&scratch, content)?;
    fs::rename(&scratch, path)
}

fn rename(from: &Path, to: &Path) -> Result<(), Problem> {
    fs::rename(from, to).map_err(|error| fault(to, &error))
}

fn fault(path: &Path, error: &io::Error) -> Problem {
    Problem::new(Exit::Output, format!("{}: {error}", path.display()))
}
