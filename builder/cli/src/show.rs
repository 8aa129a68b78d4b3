//! `dibber show`.
//!
//! In: arguments. Out: what is in an image, in words or JSON. Never: a control character of an image on the terminal, other than
//! in the content of a file that was asked for.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use dibber_inspect::{
    Container, Disk, Entry, Image, Kind, Partition, Report, ShowError, SidecarCheck, System, TableFound,
};
use dibber_model::{Bytes, columns};
use serde_json::json;

use crate::exit::Exit;
use crate::printable::{self, printable};
use crate::report::Problem;
use crate::terminal::{self, say};
use crate::text::pretty;

/// `dibber show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// A raw or qcow2 image: a disk with a GPT or an MBR, or a partition's.
    pub(crate) image: PathBuf,
    /// A path in the image: prints a file, lists a directory. Filesystems are where the image's fstab mounts them.
    pub(crate) path: Option<String>,
    /// Lists the installed packages: name, version, architecture.
    #[arg(long, conflicts_with_all = ["path", "files"])]
    pub(crate) packages: bool,
    /// Lists every file, below PATH if that is given.
    #[arg(long)]
    pub(crate) files: bool,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows what is asked for.
pub(crate) fn show(args: &ShowArgs) -> Result<Exit, Problem> {
    match answer(args) {
        Ok(None) => Ok(Exit::Ok),
        Ok(Some(damage)) => Err(problem(args, damage)),
        // `dibber show IMAGE --files | head`, or a full disk: told at the end.
        Err(_) if terminal::is_lost() => Ok(Exit::Ok),
        Err(error) => Err(problem(args, error)),
    }
}

fn problem(args: &ShowArgs, why: impl std::fmt::Display) -> Problem {
    Problem::new(Exit::Input, format!("{}: {}", args.image.display(), printable(why.to_string().as_bytes())))
}

/// Prints; what is damaged, and did not hinder printing the rest, comes back.
fn answer(args: &ShowArgs) -> Result<Option<String>, ShowError> {
    let image = Image::open(&args.image)?;
    if args.packages {
        packages(&image, args.json)?;
    } else if args.files {
        files(&image, args.path.as_deref().unwrap_or("/"), args.json)?;
    } else if let Some(path) = &args.path {
        one(&image, path, args.json)?;
    } else {
        let report = Report::of(&image, &args.image)?;
        if args.json {
            say(pretty(&report));
        } else {
            say(page(&report));
        }
        return Ok(report.damage());
    }
    Ok(None)
}

fn packages(image: &Image, json: bool) -> Result<(), ShowError> {
    let Some(packages) = image.packages()? else {
        return Err(ShowError::NotFound {
            path: "/var/lib/dpkg/status".into(),
            nearest: "a system without dpkg".into(),
        });
    };
    let mut out = BufWriter::new(terminal::answer());
    let mut array = Array::default();
    for package in &packages {
        let (name, version, arch) = (&package.name, &package.version, &package.arch);
        match json {
            true => array.add(&mut out, &json!({"name": name, "version": version, "arch": arch}))?,
            false => writeln!(out, "{}", printable(format!("{name} {version} {arch}").as_bytes()))?,
        }
    }
    if json {
        array.end(&mut out)?;
    }
    Ok(out.flush()?)
}

/// Every file, one a line. In JSON an array, written as it is read: an image may have millions.
fn files(image: &Image, path: &str, json: bool) -> Result<(), ShowError> {
    let tree = image.tree()?;
    let from = tree.find(path)?;
    let mut out = BufWriter::new(terminal::answer());
    let mut array = Array::default();
    tree.walk(&from, &mut |path, entry| {
        match json {
            true => array.add(&mut out, &described("path", path, entry))?,
            false => writeln!(out, "{}", line(entry, path))?,
        }
        Ok(())
    })?;
    if json {
        array.end(&mut out)?;
    }
    Ok(out.flush()?)
}

/// An array in JSON, a value a line, written as its values come.
#[derive(Default)]
struct Array {
    begun: bool,
}

impl Array {
    fn add(&mut self, out: &mut impl Write, value: &serde_json::Value) -> io::Result<()> {
        let mark = if std::mem::replace(&mut self.begun, true) { ',' } else { '[' };
        writeln!(out, "{mark}{}", printable::json(value.to_string()))
    }

    fn end(self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}]", if self.begun { "" } else { "[" })
    }
}

/// A file's content, or a directory's names.
fn one(image: &Image, path: &str, json: bool) -> Result<(), ShowError> {
    let tree = image.tree()?;
    let at = tree.find(path)?;
    let mut out = BufWriter::new(terminal::answer());
    if at.entry.kind == Kind::Directory {
        let entries = tree.list(&at)?;
        let mut array = Array::default();
        for entry in &entries {
            match json {
                true => array.add(&mut out, &described("name", &entry.name, entry))?,
                false => writeln!(out, "{}", line(entry, &entry.name))?,
            }
        }
        if json {
            array.end(&mut out)?;
        }
    } else if json {
        writeln!(out, "{}", pretty(&described("path", at.path().as_bytes(), &at.entry)))?;
    } else {
        tree.read(&at, &mut out)?;
    }
    Ok(out.flush()?)
}

fn described(key: &str, name: &[u8], entry: &Entry) -> serde_json::Value {
    let mut value = json!({
        "kind": entry.kind.words(),
        "mode": format!("{:04o}", entry.mode),
        "uid": entry.uid,
        "gid": entry.gid,
        "size": entry.size,
        "mtime": entry.mtime,
    });
    value[key] = String::from_utf8_lossy(name).into();
    if let Some(target) = &entry.target {
        value["target"] = String::from_utf8_lossy(target).into();
    }
    value
}

/// A line of `ls -ln`.
fn line(entry: &Entry, name: &[u8]) -> String {
    let owner = format!("{}:{}", entry.uid, entry.gid);
    let time = dibber_inspect::time(entry.mtime);
    let mut text = format!("{} {owner:>11} {:>11} {time} {}", mode(entry), entry.size, printable(name));
    if let Some(target) = &entry.target {
        text += &format!(" -> {}", printable(target));
    }
    text
}

/// `drwxr-xr-x`, with `s` and `t` where `ls` has them.
fn mode(entry: &Entry) -> String {
    let mut text = String::from(entry.kind.letter());
    for (shift, special, set, unset) in [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')]
    {
        let bits = entry.mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (entry.mode & special != 0, bits & 1 != 0) {
            (true, true) => set,
            (true, false) => unset,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

fn page(report: &Report) -> String {
    let mut text = format!("{}\n{}", container(&report.container), disk(&report.disk));
    if let Some(found) = &report.system {
        text += &system(found);
    }
    if let Some(check) = &report.sidecar {
        text += &sidecar(check);
    }
    text
}

fn sidecar(check: &SidecarCheck) -> String {
    let name = printable(check.file.as_os_str().as_encoded_bytes());
    let there = check.sha256.as_deref().unwrap_or("a file of another length");
    match check.equal {
        Some(true) => format!("\nsidecar   {name}: its sha256 is this file's\n"),
        Some(false) => format!(
            "\nsidecar   {name}: its sha256 is NOT this file's\n          it says {}\n          there is {there}\n",
            printable(check.says.as_bytes()),
        ),
        None => format!(
            "\nsidecar   {name}: not held against this file, which takes long above 2 GiB; sha256sum IMAGE must print\n          {}\n",
            printable(check.says.as_bytes()),
        ),
    }
}

fn container(file: &Container) -> String {
    let mut text = file.format.to_string();
    if let (Some(version), Some(compression), Some(cluster)) =
        (file.version, file.compression, file.cluster_bytes)
    {
        text += &format!(" version {version}, {compression}, clusters of {}", Bytes(cluster));
    }
    format!(
        "file      {text}; {} bytes\ndisk      {} ({} bytes)",
        file.file_bytes,
        Bytes(file.virtual_bytes),
        file.virtual_bytes
    )
}

fn disk(disk: &Disk) -> String {
    let mut text = match (disk.table, &disk.id, disk.sector_bytes) {
        (TableFound::None, ..) => "table     none\n".to_string(),
        (table, id, sector) => format!(
            "table     {}, id {}, sectors of {} bytes\n",
            table.to_string().to_uppercase(),
            id.as_deref().unwrap_or("none"),
            sector.unwrap_or(512)
        ),
    };
    for note in &disk.notes {
        text += &format!("note      {}\n", printable(note.as_bytes()));
    }
    let head = ["", "name", "type", "start", "size", "holds", "label", "uuid", "used", "free", "mounted"];
    let mut rows = vec![head.map(str::to_string)];
    rows.extend(disk.partitions.iter().map(row));
    text += "\n";
    for line in columns(&rows, &[0, 3, 4, 8, 9]) {
        text += &(line + "\n");
    }
    for part in &disk.partitions {
        if let Some(problem) = part.filesystem.as_ref().and_then(|fs| fs.problem.as_ref()) {
            text += &format!("partition {}: {}\n", part.number, printable(problem.as_bytes()));
        }
    }
    text
}

fn row(part: &Partition) -> [String; 11] {
    let size = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_string(), |bytes| Bytes(bytes).to_string());
    let word = |text: &str| if text.is_empty() { "-".to_string() } else { printable(text.as_bytes()) };
    let fs = part.filesystem.as_ref();
    [
        part.number.to_string(),
        word(&part.name),
        part.type_words.clone(),
        size(Some(part.start)),
        size(Some(part.bytes)),
        word(fs.map_or("", |fs| &fs.kind)),
        word(fs.map_or("", |fs| &fs.label)),
        word(fs.map_or("", |fs| &fs.uuid)),
        size(fs.and_then(|fs| fs.used_bytes)),
        size(fs.and_then(|fs| fs.free_bytes)),
        word(fs.and_then(|fs| fs.mount_point.as_deref()).unwrap_or("")),
    ]
}

fn system(found: &System) -> String {
    let kernels = if found.kernels.is_empty() { "none".to_string() } else { found.kernels.join(", ") };
    let packages = found.packages.map_or_else(|| "no dpkg".to_string(), |n| format!("{n} (dpkg)"));
    let name = found.name.as_deref().unwrap_or("without os-release");
    let name = printable(name.as_bytes());
    format!(
        "\nsystem    {name}, on partition {}\nkernels   {}\npackages  {packages}\n",
        found.partition,
        printable(kernels.as_bytes())
    )
}
