//! dib's command line, where an image file carries a piece of it under `options:`.
//!
//! In: the texts of `options`. Out: what they mean here. Never: an option that is dropped in silence: what has no meaning
//! here is listed as such, what could mislead is refused by name.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dibber_model::{Bytes, MkfsOptions};

use crate::disk::mkfs_options;
use crate::spelling::nearest;
use crate::yaml::{Fault, Yaml};

/// What options of `disk-image-create` mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DibOptions {
    /// `-a`.
    pub arch: Option<String>,
    /// `-t`, comma-separated.
    pub types: Vec<String>,
    /// `-p`, comma-separated.
    pub packages: Vec<String>,
    /// `-n`.
    pub skip_base: bool,
    /// `-u`: qcow2 without compression.
    pub uncompressed: bool,
    /// `--qemu-img-options compression_type=`.
    pub compression: Option<String>,
    /// `--image-size`, in GiB there.
    pub size: Option<Bytes>,
    /// `--mkfs-options`, `--max-online-resize`.
    pub mkfs: MkfsOptions,
    /// `--root-label`.
    pub root_label: Option<String>,
    /// Variables: `--install-type`, `--offline`, `-x`.
    pub variables: Vec<(&'static str, String)>,
}

/// Short and long spelling, and whether a value follows.
const KNOWN: [(&str, bool); 26] = [
    ("-a", true),
    ("-t", true),
    ("-p", true),
    ("-n", false),
    ("-u", false),
    ("-x", false),
    ("-c", false),
    ("-o", true),
    ("-h", false),
    ("--help", false),
    ("--version", false),
    ("--checksum", false),
    ("--no-tmpfs", false),
    ("--min-tmpfs", true),
    ("--image-cache", true),
    ("--logfile", true),
    ("--offline", false),
    ("--image-size", true),
    ("--image-extra-size", true),
    ("--max-online-resize", true),
    ("--mkfs-options", true),
    ("--qemu-img-options", true),
    ("--ramdisk-element", true),
    ("--root-label", true),
    ("--install-type", true),
    ("--docker-target", true),
];

/// Reads the options of an image's `options:` list.
pub fn dib_options(list: &Yaml) -> Result<DibOptions, Fault> {
    let mut options = DibOptions::default();
    let mut words: Vec<(String, &Yaml)> = Vec::new();
    for item in list.items() {
        let text = item.text().unwrap_or_default();
        let split =
            words_of(text).ok_or_else(|| item.at.bad(format!("`{text}` has a quote that does not close")))?;
        words.extend(split.into_iter().map(|word| (word, item)));
    }
    let mut rest = words.into_iter();
    while let Some((word, item)) = rest.next() {
        let (name, inline) = split_value(&word);
        let Some((name, valued)) = KNOWN.iter().find(|(known, _)| *known == name) else {
            return Err(stranger(name, item));
        };
        let value = match (valued, inline) {
            (true, Some(value)) => value.to_string(),
            (true, None) => match rest.next() {
                Some((value, _)) => value,
                None => return Err(item.at.bad(format!("`{name}` needs a value"))),
            },
            (false, Some(value)) => {
                return Err(item.at.bad(format!("`{name}` takes no value, but has `{value}`")));
            }
            (false, None) => String::new(),
        };
        apply_option(&mut options, name, &value, item)?;
    }
    Ok(options)
}

/// `--name=value`, `-pvalue`, or the word alone.
fn split_value(word: &str) -> (&str, Option<&str>) {
    if word.starts_with("--") {
        return word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    }
    match word.char_indices().nth(2) {
        Some((end, _)) if word.starts_with('-') => (&word[..end], Some(&word[end..])),
        _ => (word, None),
    }
}

fn stranger(name: &str, item: &Yaml) -> Fault {
    if !name.starts_with('-') {
        return item.at.bad(format!("`{name}` is no option")).hint("elements belong under `elements:`");
    }
    let fault = item.at.bad(format!("unknown option `{name}`"));
    match nearest(name, KNOWN.iter().map(|(known, _)| *known)) {
        Some(known) => fault.hint(format!("did you mean `{known}`?")),
        None => fault,
    }
}

fn apply_option(options: &mut DibOptions, name: &str, value: &str, item: &Yaml) -> Result<(), Fault> {
    let commas = || value.split(',').filter(|word| !word.is_empty()).map(ToString::to_string);
    match name {
        "-a" => options.arch = Some(value.to_string()),
        "-t" => options.types.extend(commas()),
        "-p" => options.packages.extend(commas()),
        "-n" => options.skip_base = true,
        "-u" => options.uncompressed = true,
        "-x" => options.variables.push(("DIB_DEBUG_TRACE", "1".into())),
        "--offline" => options.variables.push(("DIB_OFFLINE", "1".into())),
        "--install-type" => options.variables.push(("DIB_DEFAULT_INSTALLTYPE", value.to_string())),
        "--root-label" => options.root_label = Some(value.to_string()),
        // The environment is always clear, sums are always written, and there is no tmpfs, cache or log to place.
        "-c" | "--checksum" | "--no-tmpfs" | "--min-tmpfs" | "--image-cache" | "--logfile" => {}
        "--image-size" => options.size = Some(gib(value, item)?),
        "--max-online-resize" => options.mkfs.grow_to = Some(blocks(value, item)?),
        "--mkfs-options" => {
            let text = mkfs_options(value).map_err(|why| item.at.bad(format!("`--mkfs-options`: {why}")))?;
            options.mkfs = crate::disk::over(&text, &options.mkfs);
        }
        "--qemu-img-options" => qemu(options, value, item)?,
        _ => return Err(refused(name, item)),
    }
    Ok(())
}

fn refused(name: &str, item: &Yaml) -> Fault {
    let hint = match name {
        "-o" => "the name is `imagename`",
        "--image-extra-size" => "a partition of `size: content` leaves headroom; or give `size:`",
        "--docker-target" => "container images are not made from image files",
        "--ramdisk-element" => "name the element under `elements:`",
        _ => "leave it out",
    };
    item.at.bad(format!("option `{name}` has no meaning in an image file")).hint(hint)
}

fn gib(value: &str, item: &Yaml) -> Result<Bytes, Fault> {
    crate::disk::image_size(value).ok_or_else(|| {
        item.at.bad(format!("`--image-size {value}`: a number of GiB is expected, such as 4 or 2.5"))
    })
}

/// `mke2fs -E resize=` counts blocks, of 4096 bytes here.
fn blocks(value: &str, item: &Yaml) -> Result<Bytes, Fault> {
    let number: Option<u64> = value.parse().ok();
    number
        .and_then(|n| n.checked_mul(4096))
        .map(Bytes)
        .ok_or_else(|| item.at.bad(format!("`--max-online-resize {value}`: a number of blocks is expected")))
}

fn qemu(options: &mut DibOptions, value: &str, item: &Yaml) -> Result<(), Fault> {
    for pair in value.split(',').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("compression_type", kind @ ("zlib" | "zstd"))) => {
                options.compression = Some(kind.to_string());
            }
            // What is written is version 3, which qemu-img calls so.
            Some(("compat", "1.1" | "v3")) => {}
            _ => {
                let fault = item.at.bad(format!("`--qemu-img-options`: `{pair}` is not supported"));
                return Err(fault.hint("known are compat=1.1 and compression_type=zlib or zstd"));
            }
        }
    }
    Ok(())
}

/// Words as a POSIX shell splits them, without any expansion; `None` for a quote that does not close.
fn words_of(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' | '"' => {
                let current = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        next if next == letter => break,
                        '\\' if letter == '"' => current.push(letters.next()?),
                        next => current.push(next),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(letters.next()?),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}
