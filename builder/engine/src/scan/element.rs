//! Element directories on disk.
//!
//! In: an entry of the path of elements. Out: its elements with their files. Never: the decision which of two wins.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use dibber_fs::{Dir, DirEntry, file_type, os};
use dibber_model::{Digest, Phase};
use dibber_plan::{Body, ElementSource, Entry};
use rustix::fs::FileType;
use sha2::Digest as _;

use super::modes::Checkout;
use super::{ScanError, unreadable};

/// Larger files stay on disk.
const INLINE: u64 = 1 << 20;

/// Less than PATH_MAX of the kernel's limits.h.
const LONGEST_PATH: usize = 4000;

/// A link among the elements that leads elsewhere.
pub(super) struct OutsideLink {
    pub(super) link: PathBuf,
    pub(super) target: PathBuf,
}

/// What one entry of the path of elements has.
#[derive(Default)]
pub(super) struct ElementDirectory {
    pub(super) elements: Vec<ElementSource>,
    pub(super) outside: Vec<OutsideLink>,
}

/// Where an element is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ElementPlace {
    /// The last part of its real path.
    pub(super) name: String,
    /// Its real path.
    pub(super) real: PathBuf,
    /// The path by which it was found.
    pub(super) entry: PathBuf,
}

/// What to do about a file that cannot be part of an element: end, or note it and go on.
pub(super) type OnFault<'a> = &'a mut dyn FnMut(ScanError) -> Result<(), ScanError>;

/// Elements of one entry of the path, by name.
pub(super) fn elements(dir: &Path, within: &[PathBuf]) -> Result<ElementDirectory, ScanError> {
    let ElementPlaces { places, outside } = places(dir, within)?;
    let mut elements = Vec::new();
    for ElementPlace { name, real, .. } in places {
        elements.push(read_element(name, &real, &mut Err)?);
    }
    Ok(ElementDirectory { elements, outside })
}

/// The sub-directories of an entry of the path.
pub(super) struct ElementPlaces {
    pub(super) places: Vec<ElementPlace>,
    pub(super) outside: Vec<OutsideLink>,
}

/// As dib has it (`element_dependencies.py`), a sub-directory may be a link, and the element has the name of what it leads to. Unlike
/// there, directories that start with a dot (`.git`) are none, and a link must lead into one of the directories `within`: whoever wrote an
/// element could have its hooks read the person's files by it.
pub(super) fn places(dir: &Path, within: &[PathBuf]) -> Result<ElementPlaces, ScanError> {
    match leads_to_directory(dir)? {
        Some(true) => {}
        Some(false) => return Err(ScanError::NotADirectory { path: dir.to_path_buf() }),
        None => return Err(ScanError::NoSuchDirectory { path: dir.to_path_buf() }),
    }
    let (mut found, mut outside) = (BTreeMap::new(), Vec::new());
    for entry in sorted(dir)? {
        if leads_to_directory(&entry)? != Some(true) || utf8(entry.file_name(), &entry)?.starts_with('.') {
            continue;
        }
        let real = entry.canonicalize().map_err(unreadable(&entry))?;
        // `.git` of a checkout is none of its elements, whatever leads to it.
        let is_hidden =
            |path: &Path| path.components().any(|part| part.as_os_str().as_encoded_bytes().starts_with(b"."));
        let below = within.iter().filter_map(|dir| real.strip_prefix(dir).ok());
        if !below.into_iter().any(|path| !path.as_os_str().is_empty() && !is_hidden(path)) {
            outside.push(OutsideLink { link: entry, target: real });
            continue;
        }
        let name = utf8(real.file_name(), &real)?.to_string();
        found.entry((name, real)).or_insert(entry);
    }
    let place = |((name, real), entry)| ElementPlace { name, real, entry };
    Ok(ElementPlaces { places: found.into_iter().map(place).collect(), outside })
}

/// Whether that is a directory, or a link to one; none if there is nothing. What must not be looked at is an error and not an element less.
fn leads_to_directory(path: &Path) -> Result<Option<bool>, ScanError> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found.is_dir())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path)(error)),
    }
}

/// Reads one element, which messages name by `path`.
pub(super) fn read_element(
    name: String,
    path: &Path,
    on_fault: OnFault<'_>,
) -> Result<ElementSource, ScanError> {
    let origin = utf8(Some(path.as_os_str()), path)?.to_string();
    let found = fs::metadata(path).map_err(unreadable(path))?;
    let mut files = ElementFiles::of(Checkout::new(found.permissions().mode()));
    files.read(path, on_fault)?;
    Ok(ElementSource { name, origin, entries: files.entries, modes: files.modes })
}

/// Entries of a directory in bytewise order of their names.
fn sorted(dir: &Path) -> Result<Vec<PathBuf>, ScanError> {
    let read = || fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = read().map_err(unreadable(dir))?;
    paths.sort();
    Ok(paths)
}

fn utf8<'a>(name: Option<&'a std::ffi::OsStr>, path: &Path) -> Result<&'a str, ScanError> {
    name.and_then(|name| name.to_str()).ok_or_else(|| ScanError::Name { path: path.to_path_buf() })
}

/// What an element has in it.
struct ElementFiles {
    checkout: Checkout,
    entries: BTreeMap<String, Entry>,
    modes: BTreeMap<String, u32>,
}

impl ElementFiles {
    fn of(checkout: Checkout) -> ElementFiles {
        let modes = checkout.closed().map(|mode| (String::new(), mode)).into_iter().collect();
        ElementFiles { checkout, entries: BTreeMap::new(), modes }
    }

    /// Reads all of it. Every directory in it is opened anew from the top, so that neither how deep it is nor how long its path becomes
    /// matters.
    fn read(&mut self, element: &Path, on_fault: OnFault<'_>) -> Result<(), ScanError> {
        let top = Dir::open(element).map_err(unreadable(element))?;
        let mut left = vec![String::new()];
        while let Some(under) = left.pop() {
            let path = element.join(&under);
            let listed = top.below(&under).and_then(|dir| Ok((dir.names()?, dir)));
            let (names, dir) = match listed {
                Ok(listed) => listed,
                Err(error) => {
                    on_fault(unreadable(&path)(error))?;
                    continue;
                }
            };
            for name in names {
                match self.read_one(&path.join(os(&name)), &under, dir.entry(&name)) {
                    Ok(below) => left.extend(below),
                    Err(fault) => on_fault(fault)?,
                }
            }
        }
        Ok(())
    }

    /// Reads one entry of the directory `under`, and tells its place if it is a directory itself.
    fn read_one(
        &mut self,
        path: &Path,
        under: &str,
        found: DirEntry<'_>,
    ) -> Result<Option<String>, ScanError> {
        let name = utf8(path.file_name(), path)?;
        let place = if under.is_empty() { name.to_string() } else { format!("{under}/{name}") };
        let Some(stat) = found.statx().map_err(unreadable(path))? else { return Ok(None) };
        let entry = read_entry(found, file_type(&stat), path)?;
        // What Python left beside plugins is no part of an element, and changes with every run.
        if entry == Entry::Dir && name == "__pycache__" {
            return Ok(None);
        }
        // Hooks run as root whatever their modes, and a link has none.
        let is_link = matches!(entry, Entry::Symlink(_));
        if !is_link && place.split('/').next().and_then(Phase::of_directory).is_none() {
            let mode = self.checkout.in_image(stat.stx_mode.into(), entry == Entry::Dir);
            self.modes.extend(mode.map(|mode| (place.clone(), mode)));
        }
        let below = (entry == Entry::Dir).then(|| place.clone());
        self.entries.insert(place, entry);
        Ok(below)
    }
}

fn read_entry(entry: DirEntry<'_>, kind: FileType, path: &Path) -> Result<Entry, ScanError> {
    match kind {
        FileType::Directory => Ok(Entry::Dir),
        FileType::Symlink => {
            let target = entry.read_link().map_err(unreadable(path))?;
            Ok(Entry::Symlink(utf8(Some(os(&target)), path)?.to_string()))
        }
        FileType::RegularFile => {
            let open = entry.open_file().map_err(unreadable(path))?;
            read_file(File::from(open), path)
        }
        other => Err(ScanError::Special { kind: special(other), path: path.to_path_buf() }),
    }
}

fn special(kind: FileType) -> &'static str {
    match kind {
        FileType::Socket => "a socket",
        FileType::Fifo => "a named pipe",
        _ => "a device",
    }
}

fn read_file(mut file: File, path: &Path) -> Result<Entry, ScanError> {
    // A file that no path leads to, because it would be too long for the kernel, cannot be looked for again.
    let has_path = path.as_os_str().len() < LONGEST_PATH;
    let mut read = || -> io::Result<_> {
        let meta = file.metadata()?;
        let executable = meta.permissions().mode() & 0o111 != 0;
        if meta.len() <= INLINE || !has_path {
            let mut bytes = Vec::with_capacity(meta.len() as usize);
            file.read_to_end(&mut bytes)?;
            return Ok((executable, Digest::of(&bytes), Some(bytes)));
        }
        Ok((executable, file_digest(&mut file)?, None))
    };
    let (executable, digest, bytes) = read().map_err(unreadable(path))?;
    let body = match bytes {
        Some(bytes) => Body::Inline(bytes.into()),
        None => Body::OnDisk(utf8(Some(path.as_os_str()), path)?.to_string()),
    };
    Ok(Entry::File { executable, digest, body })
}

fn file_digest(file: &mut File) -> io::Result<Digest> {
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::from(<[u8; 32]>::from(hash.finalize()))),
            len => hash.update(&buffer[..len]),
        }
    }
}
