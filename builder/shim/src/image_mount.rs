//! `mount -o loop` of an image of FAT, as dib's element `iso` fills the EFI boot image of a disc: what the image holds is copied by mtools into
//! a file system in memory, and umount copies back what is there then.
//!
//! In: an image and a place. Out: the image with what hooks wrote to the place. Never: a loop device, of which a user namespace has none; an
//! image that a later hook finds mounted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::real;

/// Images that this hook has mounted, a file for each. /run is each hook's own.
const MOUNTED: &str = "/run/dibber/image-mounts";

/// Whether an image is mounted still: what was written to its place would be lost without a word. No note is opened, as a hook could have
/// put anything there.
pub fn is_image_mounted() -> bool {
    fs::read_dir(MOUNTED).is_ok_and(|mut notes| notes.next().is_some())
}

/// An image that is mounted.
#[derive(Serialize, Deserialize)]
pub(crate) struct ImageMount {
    image: String,
    target: String,
    is_writable: bool,
}

impl ImageMount {
    /// Mounts it; an exit code as mount(8) has them.
    pub(crate) fn make(name: &str, image: String, target: String, is_writable: bool) -> i32 {
        let refused = |why: &str| {
            eprintln!(
                "{name}: refused: dibber has no loop devices, and {why}; unpack the image into the tree instead"
            );
            1
        };
        if real::find("mcopy").is_none() {
            return refused("without mtools it cannot copy what an image of FAT holds (apt install mtools)");
        }
        if !succeeds("minfo", &["-i", &image, "::"]) {
            return refused(&format!(
                "{image} holds no FAT, the only file system that is mounted without them"
            ));
        }
        let mode = "mode=0755".to_owned();
        let code = real::run(
            name,
            &["-t".into(), "tmpfs".into(), "-o".into(), mode, "tmpfs".into(), target.clone()],
        );
        if code != 0 {
            return code;
        }
        let mount = ImageMount { image, target, is_writable };
        match mount.copy_out().and_then(|()| mount.note()) {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("{name}: cannot copy what {} holds: {error}", mount.image);
                real::run("umount", &["-l".to_owned(), mount.target]);
                32
            }
        }
    }

    /// The one at a place, which is none any more.
    pub(crate) fn take(target: &str) -> Option<ImageMount> {
        let notes = fs::read_dir(MOUNTED).ok()?.flatten();
        notes.map(|note| note.path()).find_map(|note| {
            let mount: ImageMount = serde_json::from_slice(&fs::read(&note).ok()?).ok()?;
            (mount.target == target && fs::remove_file(&note).is_ok()).then_some(mount)
        })
    }

    /// Makes the image hold what is at the place now.
    pub(crate) fn copy_back(&self) -> io::Result<()> {
        if !self.is_writable {
            return Ok(());
        }
        for held in self.held()? {
            tool("mdeltree", &["-i", &self.image, &held])?;
        }
        let mut words = vec!["-i", self.image.as_str(), "-s", "-m", "-Q"];
        let there = entries(Path::new(&self.target))?;
        words.extend(there.iter().map(String::as_str));
        words.push("::/");
        if there.is_empty() { Ok(()) } else { tool("mcopy", &words) }
    }

    fn copy_out(&self) -> io::Result<()> {
        let held = self.held()?;
        let mut words = vec!["-i", self.image.as_str(), "-s", "-m", "-n", "-Q"];
        words.extend(held.iter().map(String::as_str));
        words.push(&self.target);
        if held.is_empty() { Ok(()) } else { tool("mcopy", &words) }
    }

    /// What lies in the image's root, as mtools calls it.
    fn held(&self) -> io::Result<Vec<String>> {
        let listed = real::output("mdir", &["-i", &self.image, "-a", "-b", "::/"])?;
        // Nothing at all is told by the exit code 1, and by no line.
        let lines = listed.lines().map(|line| line.trim_end_matches('/').to_owned());
        Ok(lines.filter(|line| line.starts_with("::/") && line.len() > "::/".len()).collect())
    }

    fn note(&self) -> io::Result<()> {
        fs::create_dir_all(MOUNTED)?;
        // A process has one image, and its number is nobody else's while the hook runs.
        let note = Path::new(MOUNTED).join(std::process::id().to_string());
        fs::write(note, serde_json::to_vec(self).map_err(io::Error::other)?)
    }
}

fn entries(dir: &Path) -> io::Result<Vec<String>> {
    let paths: io::Result<Vec<PathBuf>> = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect();
    let mut names: Vec<String> = paths?.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

fn succeeds(program: &str, words: &[&str]) -> bool {
    real::try_run(program, &owned(words)).is_ok_and(|ended| ended.code == 0)
}

fn tool(program: &str, words: &[&str]) -> io::Result<()> {
    match real::try_run(program, &owned(words)) {
        Ok(ended) if ended.code == 0 => Ok(()),
        Ok(ended) => {
            ended.tell();
            Err(io::Error::other(format!("{program} failed with exit code {}", ended.code)))
        }
        Err(code) => Err(io::Error::other(format!("{program} failed with exit code {code}"))),
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
