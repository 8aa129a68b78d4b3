//! What an image is built for: `arch` and `platform`, the matrix `targets`, and what is asked for among them.
//!
//! In: an image's merged entry and a request. Out: targets, each once, in the order listed. Never: a target that the image
//! does not list, where it lists any.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::{Arch, Platform, Target};

use super::spec::ImageSpec;
use super::target_name::{arch, target};
use crate::error::PlanError;
use crate::request::Request;
use crate::spelling::nearest;
use crate::yaml::{Fault, Yaml};

/// What an image can be built for.
#[derive(Clone, Debug)]
pub struct Targets {
    /// What is built where nothing else is asked for.
    usual: Vec<Target>,
    /// The image's `targets`, if it has the key.
    listed: Option<Vec<Target>>,
    /// Platforms that have a section, for guesses where there is no list.
    platforms: Vec<String>,
}

impl Targets {
    /// Reads `arch`, `platform` and `targets`; `host` is the architecture of an image that names none.
    pub fn new(image: &ImageSpec, host: Arch) -> Result<Self, Fault> {
        let listed = image.entry.get("targets").map(read_targets).transpose()?;
        if let (Some(platform), []) = (image.entry.get("platform"), image.arches.as_slice()) {
            let fault = platform.at.bad("a platform is one of an architecture, and the image has no `arch`");
            return Err(fault.hint("add `arch:`, or write the pair under `targets:`, as PLATFORM-ARCH"));
        }
        let own = |arch: &Arch| Target { arch: *arch, platform: image.platform.clone() };
        let mut usual: Vec<Target> = image.arches.iter().map(own).collect();
        if let Some(known) = &listed
            && let Some(stranger) = usual.iter().find(|target| !known.contains(target))
        {
            let at = image.entry.get("arch").map_or(&image.entry.at, |value| &value.at);
            let fault = at.bad(format!("`{stranger}`, which is built by default, is not among `targets`"));
            return Err(fault.hint(format!("there are {}; add it, or change `arch`", joined_names(known))));
        }
        if usual.is_empty() {
            usual = listed.clone().unwrap_or_else(|| alloc::vec![Target { arch: host, platform: None }]);
        }
        let sections = image.entry.get("platforms").map(Yaml::entries).unwrap_or_default();
        let platforms = sections.iter().filter_map(|(key, _)| key.text()).map(word_of).collect();
        Ok(Targets { usual, listed, platforms })
    }

    /// All that the image is built for.
    pub fn all(&self) -> &[Target] {
        self.listed.as_ref().unwrap_or(&self.usual)
    }

    /// Whether a target fits what the image says of itself.
    pub(super) fn has(&self, fits: impl Fn(&Target) -> bool) -> bool {
        self.listed.as_ref().is_none_or(|known| known.iter().any(fits))
    }

    /// What is asked for.
    pub fn asked(&self, image: &str, request: &Request) -> Result<Vec<Target>, PlanError> {
        if request.all_targets {
            return Ok(self.all().to_vec());
        }
        let mut asked = request.targets.clone();
        asked.extend(self.crossed(image, request)?);
        if asked.is_empty() {
            return Ok(self.usual.clone());
        }
        let mut found: Vec<Target> = Vec::new();
        for target in asked {
            self.check(image, &target)?;
            if !found.contains(&target) {
                found.push(target);
            }
        }
        Ok(found)
    }

    /// Every pair of the architectures and platforms that are asked for.
    fn crossed(&self, image: &str, request: &Request) -> Result<Vec<Target>, PlanError> {
        let mut own: Vec<Arch> = self.all().iter().map(|target| target.arch).collect();
        own.dedup();
        let arches = match (request.arches.as_slice(), request.platforms.as_slice()) {
            ([], []) => return Ok(Vec::new()),
            ([], [platform, ..]) if own.len() != 1 => {
                return Err(PlanError::PlatformAlone { image: image.into(), platform: platform.to_string() });
            }
            ([], _) => &own,
            (arches, _) => arches,
        };
        let platforms: Vec<Option<Platform>> = match request.platforms.as_slice() {
            [] => alloc::vec![None],
            platforms => platforms.iter().cloned().map(Some).collect(),
        };
        let pairs = |arch: &Arch| {
            let arch = *arch;
            platforms.iter().cloned().map(move |platform| Target { arch, platform }).collect::<Vec<_>>()
        };
        Ok(arches.iter().flat_map(pairs).collect())
    }

    fn check(&self, image: &str, target: &Target) -> Result<(), PlanError> {
        let unknown = |what: String, known: Vec<String>, asked: &str| {
            let near = nearest(asked, known.iter().map(String::as_str));
            Err(PlanError::NoTarget { image: image.into(), what, known, near })
        };
        if !self.has(|known| known == target) {
            let known = self.all().iter().map(ToString::to_string).collect();
            return unknown(format!("target `{target}`"), known, &target.to_string());
        }
        let platform = target.platform.as_ref().map(Platform::as_str);
        match platform.filter(|word| self.listed.is_none() && !self.platforms.is_empty() && !self.knows(word))
        {
            Some(word) => unknown(format!("platform `{word}`"), self.platforms.clone(), word),
            None => Ok(()),
        }
    }

    fn knows(&self, word: &str) -> bool {
        let usual = self.usual.iter().filter_map(|target| target.platform.as_ref());
        usual.map(Platform::as_str).any(|own| own == word) || self.platforms.iter().any(|own| own == word)
    }
}

/// The platform of a section's name.
fn word_of(section: &str) -> String {
    section.split_once('-').map_or(section, |(platform, _)| platform).to_string()
}

fn joined_names(targets: &[Target]) -> String {
    targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn read_targets(list: &Yaml) -> Result<Vec<Target>, Fault> {
    let mut found: Vec<Target> = Vec::new();
    for item in list.items() {
        let target = read_target(item)?;
        if found.contains(&target) {
            return Err(item.at.bad(format!("the target `{target}` is listed twice")));
        }
        found.push(target);
    }
    if found.is_empty() {
        return Err(list.at.bad("`targets` lists nothing").hint("list targets, or leave the key out"));
    }
    Ok(found)
}

fn read_target(item: &Yaml) -> Result<Target, Fault> {
    if let Some(text) = item.text() {
        return target(text).map_err(|error| error.at(item));
    }
    // The shape made sure of `arch`.
    let written = item.get("arch").unwrap_or(item);
    let arch = arch(written.text().unwrap_or_default()).map_err(|error| error.at(written))?;
    let platform = item.get("platform").map(|value| {
        value.text().unwrap_or_default().parse::<Platform>().map_err(|error| value.at.bad(error))
    });
    Ok(Target { arch, platform: platform.transpose()? })
}
