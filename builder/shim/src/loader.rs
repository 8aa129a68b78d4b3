//! Boot loader programs: what they are asked is written down, and questions about disks are answered from the plan.
//!
//! In: arguments, and variables with the plan's identities. Out: lines of the record, answers. Never: a byte on a disk;
//! the layout engine places boot loaders.

use std::ffi::OsString;
use std::fs;

use dibber_model::FsKind;

use crate::efi_install::{self, EfiInstall};
use crate::record::{LoaderRequest, Request, append_to_record};

/// The programs of a tree that must give way to ours, by their places there: package scripts and grub-mkconfig call some
/// of them by these paths. What dpkg owns is to be diverted while hooks run.
pub(crate) fn program_paths() -> &'static [&'static str] {
    &[
        "/usr/sbin/grub-install",
        "/usr/sbin/grub-probe",
        "/usr/sbin/grub-bios-setup",
        "/usr/sbin/grub-mkdevicemap",
        "/usr/sbin/grub2-install",
        "/usr/sbin/grub2-probe",
        "/usr/bin/grub-mkrelpath",
        "/usr/bin/grub2-mkrelpath",
        "/usr/bin/efibootmgr",
    ]
}

pub(crate) fn main(name: &str, arguments: &[OsString]) -> i32 {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    if words.iter().any(|word| word == "--version" || word == "-V") {
        println!("{name} (GRUB) 2.06 (dibber's stand-in)");
        return 0;
    }
    let variable = |name: &str| std::env::var(name).ok();
    if name.ends_with("-probe") {
        return answer(name, probe(&Question::parse(&words), &variable));
    }
    if name.ends_with("-mkrelpath") {
        return answer(name, relative_path(&words, &variable));
    }
    if name.ends_with("-install")
        && let Err(why) = install(&words, &variable)
    {
        eprintln!("{name}: {why}");
        return 1;
    }
    let request = LoaderRequest { program: name.to_owned(), arguments: words };
    match append_to_record(&Request::Loader(request)) {
        Ok(()) => {
            println!("{name}: noted; the boot loader is placed when the disk is written");
            0
        }
        Err(error) => {
            eprintln!("{name}: cannot note the request: {error}");
            1
        }
    }
}

/// What of grub-install is done in the tree: modules beside the menu, and a loader of UEFI's.
fn install(words: &[String], variable: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
    efi_install::place_modules(words)?;
    EfiInstall::parse(words).map_or(Ok(()), |efi| efi.install(variable))
}

fn answer(name: &str, found: Result<String, String>) -> i32 {
    match found {
        Ok(text) => {
            print!("{text}");
            0
        }
        Err(why) => {
            eprintln!("{name}: {why}");
            1
        }
    }
}

/// grub-mkrelpath's answer: a path from the top of the file system that it will lie in. GRUB asks the kernel, which here knows one file
/// system for the whole image, below the layers of the build; the plan knows where others begin.
fn relative_path(words: &[String], variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let asked = words.iter().find(|word| !word.starts_with('-')).ok_or("no path")?;
    let path = fs::canonicalize(asked).map_err(|error| format!("{asked}: {error}"))?;
    let points = variable("DIB_MOUNTPOINTS").unwrap_or_default();
    let above = points.split('|').filter(|point| point.starts_with('/') && path.starts_with(point));
    let top = above.max_by_key(|point| point.len()).unwrap_or("/");
    let rest = path.strip_prefix(top).unwrap_or(&path).to_string_lossy();
    Ok(format!("/{rest}\n"))
}

/// A call of grub-probe.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    target: String,
    subject: String,
}

impl Question {
    fn parse(words: &[String]) -> Question {
        let mut question = Question { target: "fs".to_owned(), subject: String::new() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (option, mut value) = match word.split_once('=') {
                Some((option, value)) => (option, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            match option {
                "-t" | "--target" => {
                    question.target = value.take().or_else(|| words.next().cloned()).unwrap_or_default();
                }
                "-m" | "--device-map" => drop(value.take().or_else(|| words.next().cloned())),
                "-d" | "--device" | "-v" | "--verbose" | "-0" => {}
                _ => question.subject = word.clone(),
            }
        }
        question
    }
}

/// grub-probe's answer, one line, or nothing where GRUB prints nothing.
fn probe(question: &Question, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let known = |names: &[&str]| {
        names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty())).ok_or_else(|| {
            format!(
                "cannot tell the {} of {}: {} is not set, and dibber answers from the plan, not from disks",
                question.target, question.subject, names[0]
            )
        })
    };
    let answer = match question.target.as_str() {
        "fs" => {
            let name = known(&["DIB_ROOT_FSTYPE"])?;
            let module = name.parse().ok().and_then(|kind: FsKind| kind.facts().grub_module);
            module.map_or(name, str::to_owned)
        }
        "fs_uuid" => known(&["DIB_ROOT_UUID"])?,
        "fs_label" => known(&["DIB_ROOT_LABEL"])?,
        "device" => known(&["DIB_ROOT_DEVICE", "IMAGE_BLOCK_DEVICE"])?,
        "disk" => known(&["IMAGE_BLOCK_DEVICE"])?,
        "drive" | "compatibility_hint" | "bios_hints" | "ieee1275_hints" | "efi_hints"
        | "baremetal_hints" => "hd0".to_owned(),
        "partmap" => match known(&["DIB_BLOCK_DEVICE"])?.as_str() {
            "mbr" => "msdos".to_owned(),
            _ => "gpt".to_owned(),
        },
        "partuuid" => known(&["DIB_ROOT_PARTUUID"])?,
        // `lvm` where the root is on a logical volume; nothing of plain partitions.
        "abstraction" => match variable("DIB_ROOT_ABSTRACTION").filter(|value| !value.is_empty()) {
            Some(value) => value,
            None => return Ok(String::new()),
        },
        // No hints, as root is searched for by UUID.
        "hints_string" | "cryptodisk_uuid" => return Ok(String::new()),
        other => return Err(format!("unknown target `{other}`")),
    };
    Ok(answer + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(words: &[&str]) -> Result<String, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let plan = |name: &str| match name {
            "DIB_ROOT_FSTYPE" => Some("ext4".to_owned()),
            "DIB_ROOT_UUID" => Some("0b0e".to_owned()),
            "DIB_BLOCK_DEVICE" => Some("efi".to_owned()),
            "DIB_ROOT_ABSTRACTION" => Some("lvm".to_owned()),
            _ => None,
        };
        probe(&Question::parse(&words), &plan)
    }

    #[test]
    fn probe_answers_from_the_plan_in_every_spelling() {
        assert_eq!(ask(&["-t", "fs", "/"]).unwrap(), "ext2\n");
        assert_eq!(ask(&["--device", "/dev/x", "--target=fs_uuid"]).unwrap(), "0b0e\n");
        assert_eq!(ask(&["--target", "partmap", "/boot"]).unwrap(), "gpt\n");
        assert_eq!(ask(&["--target=abstraction", "/"]).unwrap(), "lvm\n");
        let plain = Question::parse(&["--target=abstraction".to_owned(), "/".to_owned()]);
        assert_eq!(probe(&plain, &|_| None).unwrap(), "");
    }

    #[test]
    fn paths_begin_where_their_file_system_does() {
        let place = std::env::temp_dir().canonicalize().unwrap();
        let points = |points: String| move |name: &str| (name == "DIB_MOUNTPOINTS").then(|| points.clone());
        let words = ["-r".to_owned(), place.to_str().unwrap().to_owned()];
        let top = format!("/|{}", place.display());
        assert_eq!(relative_path(&words, &points(top)).unwrap(), "/\n");
        assert_eq!(
            relative_path(&words, &points("/|/boot".into())).unwrap(),
            format!("{}\n", place.display())
        );
        assert!(relative_path(&["/gone".to_owned()], &points(String::new())).unwrap_err().contains("/gone"));
    }

    #[test]
    fn probe_says_which_variable_it_lacks() {
        assert!(ask(&["-t", "fs_label", "/"]).unwrap_err().contains("DIB_ROOT_LABEL"));
        assert!(ask(&["-t", "weather", "/"]).unwrap_err().contains("weather"));
    }
}
