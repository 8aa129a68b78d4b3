//! A command of `disk-image-create` or `ramdisk-image-create`: its words and the caller's environment, understood together.
//!
//! In: words, and the variables of the caller. Out: what is asked for, in types. Never: a file opened; a variable of the caller's that
//! neither dib's driver nor an element reads.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dibber_model::Arch;

use super::getopt::{Item, OptionFault, read_words};
use super::meaning::{DibOptions, apply};
use super::options::{Effect, OptionName};
use super::variables::{VARIABLES, VariableEffect, is_given_to_hooks};
use super::words::quoted;
use crate::image::is_variable;
use crate::output::{OutputKind, WORDS};
use crate::spelling::nearest;

/// Which of dib's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `disk-image-create`.
    DiskImageCreate,
    /// `ramdisk-image-create`.
    RamdiskImageCreate,
}

impl Program {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Program::DiskImageCreate => "disk-image-create",
            Program::RamdiskImageCreate => "ramdisk-image-create",
        }
    }
}

/// A command line that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}{}", .hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
pub struct CommandError {
    /// What is wrong.
    pub why: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl From<OptionFault> for CommandError {
    fn from(OptionFault { why, hint, .. }: OptionFault) -> Self {
        CommandError { why, hint }
    }
}

/// Sums that are written beside an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksums {
    /// `NAME.TYPE.md5`.
    pub md5: bool,
    /// `NAME.TYPE.sha256`.
    pub sha256: bool,
}

/// A command.
#[derive(Clone, Debug)]
pub struct Command {
    /// Which program.
    pub program: Program,
    /// What its options mean.
    pub options: DibOptions,
    /// Elements, in the order in which they were given.
    pub elements: Vec<String>,
    /// Architecture; none is this machine's.
    pub arch: Option<Arch>,
    /// The path of the image, without an extension, as dib's `IMAGE_NAME` has it.
    pub path: String,
    /// Output formats.
    pub outputs: Vec<OutputKind>,
    /// Whether the element base is left out.
    pub skip_base: bool,
    /// Sums beside the image.
    pub checksums: Checksums,
    /// Whether no network is to be used.
    pub offline: bool,
    /// Where things are kept.
    pub image_cache: Option<String>,
    /// Variables of the caller that the image and its hooks are given.
    pub variables: BTreeMap<String, String>,
    /// The options that image files have under `options:`, as words.
    pub(super) image_options: Vec<String>,
    /// What does nothing here, in words.
    pub notes: Vec<String>,
}

impl Command {
    /// Reads the words behind the program's name.
    pub fn read(
        program: Program,
        words: &[String],
        environment: &BTreeMap<String, String>,
    ) -> Result<Command, CommandError> {
        let mut options = DibOptions::default();
        let (mut elements, mut image_options) = (Vec::new(), Vec::new());
        for item in read_words(words)? {
            match item {
                Item::Element { name, .. } => elements.push(name),
                Item::Option { name, value, .. } => {
                    apply(&mut options, name, &value).map_err(|why| CommandError { why, hint: None })?;
                    if is_of_image(name) {
                        image_options.push(format!("{} {}", name.facts().spelling(), quoted(&value)));
                    }
                }
            }
        }
        let caller =
            Caller { environment, is_cleared: options.clear_environment || flag(environment, "CLEAR_ENV") };
        let outputs = outputs(&options.types)?;
        let arch = options.arch.as_deref().or(caller.get("ARCH")).map(architecture).transpose()?;
        let path = path(&options, &caller, &outputs);
        let checksums = checksums(&options, &caller)?;
        Ok(Command {
            program,
            arch,
            path,
            outputs,
            skip_base: options.skip_base || caller.get("SKIP_BASE") == Some("1"),
            checksums,
            offline: options.offline || caller.get("DIB_OFFLINE").is_some(),
            image_cache: options.image_cache.clone().or(caller.get("DIB_IMAGE_CACHE").map(String::from)),
            variables: caller.given(),
            notes: notes(&options, &caller),
            options,
            elements,
            image_options,
        })
    }

    /// Options that say how the command goes about its work, and nothing of the image.
    pub fn not_in_image_files(&self) -> Vec<String> {
        let given = [
            (OptionName::Logfile, self.options.logfile.is_some()),
            (OptionName::Checksum, self.options.checksum),
            (OptionName::Offline, self.options.offline),
            (OptionName::ImageCache, self.options.image_cache.is_some()),
        ];
        given.iter().filter(|(_, given)| *given).map(|(name, _)| name.facts().spelling()).collect()
    }

    /// The element that `ramdisk-image-create` puts before all others.
    pub fn ramdisk(&self, environment: &BTreeMap<String, String>) -> Option<String> {
        if self.program == Program::DiskImageCreate {
            return None;
        }
        let given = self.options.ramdisk_element.clone();
        let variable = environment.get("RAMDISK_ELEMENT").filter(|name| !name.is_empty()).cloned();
        Some(given.or(variable).unwrap_or_else(|| "ramdisk".into()))
    }
}

/// Whether an option belongs to the image, and image files have it under `options:`, as they have no key of their own for it.
fn is_of_image(name: OptionName) -> bool {
    matches!(
        name,
        OptionName::RootLabel
            | OptionName::QemuImgOptions
            | OptionName::ImageExtraSize
            | OptionName::MaxOnlineResize
            | OptionName::MkfsJournalSize
            | OptionName::MkfsOptions
    )
}

/// The caller's environment, of which `-c` leaves nothing to hooks.
struct Caller<'a> {
    environment: &'a BTreeMap<String, String>,
    is_cleared: bool,
}

impl Caller<'_> {
    /// A variable that is not empty.
    fn get(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn given(&self) -> BTreeMap<String, String> {
        let is_given = |name: &str| !self.is_cleared && is_given_to_hooks(name) && is_variable(name);
        let all = self.environment.iter().filter(|(name, _)| is_given(name));
        all.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

fn flag(environment: &BTreeMap<String, String>, name: &str) -> bool {
    environment.get(name).map(String::as_str) == Some("1")
}

fn architecture(text: &str) -> Result<Arch, CommandError> {
    crate::image::arch(text).map_err(|error| CommandError { why: error.why, hint: error.mend })
}

fn outputs(types: &[String]) -> Result<Vec<OutputKind>, CommandError> {
    let mut found = Vec::new();
    for word in types {
        let Some(kind) = OutputKind::of_name(word) else {
            let why = format!("unknown output type `{word}`; there are {}", WORDS.join(", "));
            let hint = nearest(word, WORDS.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            return Err(CommandError { why, hint });
        };
        if !found.contains(&kind) {
            found.push(kind);
        }
    }
    if found.is_empty() {
        found.push(OutputKind::USUAL);
    }
    Ok(found)
}

/// dib takes the extension off where there is one type.
fn path(options: &DibOptions, caller: &Caller<'_>, outputs: &[OutputKind]) -> String {
    let path = options.name.as_deref().or(caller.get("IMAGE_NAME")).unwrap_or("image");
    let stem = match outputs {
        [only] => path.strip_suffix(&format!(".{}", only.name())).unwrap_or(path),
        _ => path,
    };
    stem.to_string()
}

fn checksums(options: &DibOptions, caller: &Caller<'_>) -> Result<Checksums, CommandError> {
    let both = Checksums { md5: true, sha256: true };
    if options.checksum {
        return Ok(both);
    }
    let mut found = Checksums::default();
    for word in caller.get("DIB_CHECKSUM").unwrap_or("0").split(',').map(str::trim) {
        match word {
            "0" | "" => {}
            "1" => found = both,
            "md5" => found.md5 = true,
            "sha256" => found.sha256 = true,
            other => {
                let why = format!("DIB_CHECKSUM=`{other}` is no kind of sum");
                return Err(CommandError {
                    why,
                    hint: Some("there are md5 and sha256, and 1 for both".into()),
                });
            }
        }
    }
    Ok(found)
}

/// What was given and does nothing.
fn notes(options: &DibOptions, caller: &Caller<'_>) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    let mut add = |note: String| {
        if !notes.contains(&note) {
            notes.push(note);
        }
    };
    for facts in options.without_effect.iter().map(|name| name.facts()) {
        if let Effect::None(why) = facts.effect {
            add(format!("{} does nothing here: {why}", facts.spelling()));
        }
    }
    for facts in VARIABLES.iter().filter(|facts| caller.get(facts.name).is_some()) {
        if let VariableEffect::None(why) = facts.effect {
            add(format!("{} does nothing here: {why}", facts.name));
        }
    }
    notes
}
