//! `dibber show`: shows what is in an image file that anybody may have made.
//!
//! In: arguments. Out: what is in an image, in words or JSON. Never: a control character of an image on the terminal, other than
//! in the content of a file that was asked for.

mod page;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use dibber_inspect::{Entry, Image, Kind, Report, ShowError};
use serde_json::json;

use crate::exit::Exit;
use crate::json::pretty_json;
use crate::printable::{self, printable};
use crate::report::Problem;
use crate::terminal::{self, print_stdout};

/// `dibber show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// A raw or qcow2 image: of a disk with a GPT or MBR partition table, or of a single partition.
    pub(crate) image: PathBuf,
    /// A file in the image to print, or a directory to list; filesystems are where the image's fstab mounts them.
    pub(crate) path: Option<String>,
    /// List the installed packages: name, version, architecture.
    #[arg(long, conflicts_with_all = ["path", "files"])]
    pub(crate) packages: bool,
    /// List every file, below PATH if that is given.
    #[arg(long)]
    pub(crate) files: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows what is asked for.
pub(crate) fn show(args: &ShowArgs) -> Result<Exit, Problem> {
    match answer(args) {
        Ok(None) => Ok(Exit::Ok),
        Ok(Some(damage)) => Err(problem(args, damage)),
        // `dibber show IMAGE --files | head`, or a full disk: told at the end.
        Err(_) if terminal::has_output_failed() => Ok(Exit::Ok),
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
        list_packages(&image, args.json)?;
    } else if args.files {
        list_files(&image, args.path.as_deref().unwrap_or("/"), args.json)?;
    } else if let Some(path) = &args.path {
        show_path(&image, path, args.json)?;
    } else {
        let report = Report::of(&image, &args.image)?;
        if args.json {
            print_stdout(pretty_json(&report));
        } else {
            print_stdout(page::report(&report));
        }
        return Ok(report.damage());
    }
    Ok(None)
}

fn list_packages(image: &Image, json: bool) -> Result<(), ShowError> {
    let Some(packages) = image.packages()? else {
        return Err(ShowError::NotFound {
            path: "/var/lib/dpkg/status".into(),
            nearest: "a system without dpkg".into(),
        });
    };
    let mut out = BufWriter::new(terminal::raw_stdout());
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
fn list_files(image: &Image, path: &str, json: bool) -> Result<(), ShowError> {
    let tree = image.tree()?;
    let from = tree.find(path)?;
    let mut out = BufWriter::new(terminal::raw_stdout());
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
fn show_path(image: &Image, path: &str, json: bool) -> Result<(), ShowError> {
    let tree = image.tree()?;
    let at = tree.find(path)?;
    let mut out = BufWriter::new(terminal::raw_stdout());
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
        writeln!(out, "{}", pretty_json(&described("path", at.path().as_bytes(), &at.entry)))?;
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
