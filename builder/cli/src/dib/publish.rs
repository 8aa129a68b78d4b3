//! The files of a build, put under the names that dib gives them.
//!
//! In: the build's own directory with a finished set. Out: `NAME.TYPE` with its sums, `NAME.d` with what describes it. Never: an image
//! that was there before, lost: it is renamed with the date, as dib does, unless `OVERWRITE_OLD_IMAGE` is set; a link that somebody else put
//! there, followed.

use std::io;

use dibber_fs::{Dir, file_type, os};
use dibber_imageset::{FileEntry, SetEntry};
use dibber_plan::dib::Checksums;
use dibber_plan::output::{OutputKind, OutputOrigin, TreeArchive};
use jiff::Zoned;

use super::checksums::{SummedFile, write_sums};
use super::log::Log;
use super::place::{LockedPlace, Place, fault};
use crate::report::Problem;

/// What is to be put in place, and how.
pub(super) struct Publication<'a> {
    pub(super) place: &'a Place,
    pub(super) locked: &'a LockedPlace,
    pub(super) checksums: Checksums,
    pub(super) overwrite: bool,
    pub(super) log: &'a Log,
}

/// Ends of the names of files with sums.
const SUMS: [&str; 2] = ["md5", "sha256"];

impl Publication<'_> {
    /// Puts everything in place, and removes the build's own directory.
    pub(super) fn publish(&self, set: &SetEntry) -> Result<(), Problem> {
        let wrong = |error: io::Error| fault(&self.place.set_dir(), &error);
        let built = self.locked.set().map_err(wrong)?;
        let descriptions = self.place.description_dir()?;
        for file in &set.files {
            self.put(file, &built).map_err(|error| self.fault(&file.name, &error))?;
            let sidecar = format!("{}.json", file.name);
            built.rename(&sidecar, &descriptions, &sidecar).map_err(|error| self.fault(&sidecar, &error))?;
        }
        self.put_others(&built, &descriptions).map_err(wrong)?;
        self.locked.clear().map_err(wrong)
    }

    fn put(&self, file: &FileEntry, built: &Dir) -> io::Result<()> {
        let (out, name) = (&self.locked.out, file.name.as_str());
        let kind = file.kind.known().copied();
        let archive = |of| kind.is_some_and(|kind| kind.origin() == OutputOrigin::Archive(of));
        let is_image = kind.is_some_and(OutputKind::is_disk) || archive(TreeArchive::Tgz);
        if is_image && !self.overwrite {
            self.put_aside(name)?;
        }
        built.rename(name, out, name)?;
        if archive(TreeArchive::Squashfs) {
            // dib writes `.squash`, and its own test looks for `.squashfs`.
            let other = format!("{}.squashfs", self.place.name);
            out.remove_file(&other)?;
            out.hard_link(name, out, &other)?;
        }
        let called = self.called(name);
        if kind.is_some_and(|kind| kind.is_disk() || kind.is_whole_tree()) {
            // Those of an image that was there before are of that image.
            SUMS.iter().try_for_each(|sum| out.remove_file(format!("{name}.{sum}")))?;
            let summed = SummedFile { dir: out, name, called: &called, sha256: file.sha256 };
            write_sums(&summed, self.checksums)?;
        }
        self.log.say(&format!("Image file {called} created..."));
        Ok(())
    }

    /// `NAME-DATE.TYPE`, with its sums.
    fn put_aside(&self, old: &str) -> io::Result<()> {
        let out = &self.locked.out;
        let is_there =
            |name: &str| Ok::<_, io::Error>(out.stat(name)?.is_some_and(|found| !file_type(&found).is_dir()));
        if !is_there(old)? {
            return Ok(());
        }
        let aside = free_name(out, old)?;
        self.log.say(&format!("Old image found. Renaming it to {}", self.place.dir.join(&aside).display()));
        out.rename(old, out, &aside)?;
        for sum in SUMS {
            let (from, to) = (format!("{old}.{sum}"), format!("{aside}.{sum}"));
            if is_there(&from)? {
                out.rename(&from, out, &to)?;
            }
        }
        Ok(())
    }

    /// What else the build has for the image: files that hooks made under its name, and what they put into `NAME.d`.
    fn put_others(&self, built: &Dir, descriptions: &Dir) -> io::Result<()> {
        let before = format!("{}.", self.place.name);
        for name in built.names()? {
            let name = os(&name).to_string_lossy().into_owned();
            let is_dir = built.stat(&name)?.is_some_and(|found| file_type(&found).is_dir());
            if is_dir && name == format!("{}.d", self.place.name) {
                move_into(&built.below(&name)?, descriptions)?;
            } else if name.ends_with(".log") {
                built.rename(&name, descriptions, &name)?;
            } else if name.starts_with(&before) && !is_dir && !name.ends_with(".json") {
                built.rename(&name, &self.locked.out, &name)?;
                self.log.say(&format!("Image file {} created...", self.called(&name)));
            }
        }
        Ok(())
    }

    /// A file of the image as the person would write it.
    fn called(&self, name: &str) -> String {
        let extension = name.strip_prefix(&self.place.name).and_then(|rest| rest.strip_prefix('.'));
        self.place.written(extension.unwrap_or_default())
    }

    fn fault(&self, name: &str, error: &io::Error) -> Problem {
        fault(&self.place.dir.join(name), error)
    }
}

/// The name that dib gives an old image; one that is taken gets a number.
fn free_name(out: &Dir, old: &str) -> io::Result<String> {
    let date = Zoned::now().strftime("%Y.%m.%d-%H.%M.%S").to_string();
    let (stem, extension) = old.rsplit_once('.').unwrap_or((old, ""));
    for number in 0.. {
        let more = if number == 0 { String::new() } else { format!("-{number}") };
        let name = format!("{stem}-{date}{more}.{extension}");
        if out.stat(&name)?.is_none() {
            return Ok(name);
        }
    }
    unreachable!("no directory has files of all numbers")
}

fn move_into(from: &Dir, to: &Dir) -> io::Result<()> {
    for name in from.names()? {
        let name = os(&name);
        match from.stat(name)?.is_some_and(|found| file_type(&found).is_dir()) {
            true => move_into(&from.below(name)?, &to.make_dir(name, 0o755)?)?,
            false => from.rename(name, to, name)?,
        }
    }
    Ok(())
}
