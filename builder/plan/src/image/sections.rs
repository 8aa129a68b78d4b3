//! What an image file says for one architecture or one platform only: the sections under `arches` and `platforms`.
//!
//! In: a merged entry and a target. Out: the entry as if it had been written for that target. Never: a section that no
//! target could use.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::{Platform, Target};

use super::keys::ADDED;
use super::merge::{Merged, extend};
use super::target_name::{arch, target};
use super::targets::Targets;
use crate::spelling::nearest;
use crate::yaml::{Fault, Node, Yaml};

/// The entry for one target: the architecture's section is laid over the image, then the platform's, then that of the
/// platform within its architecture. Lists are added to, mappings updated, all else is the section's word.
pub fn for_target(image: &Merged, target: &Target) -> Merged {
    let mut entry = image.entry.clone();
    for section in sections(&image.entry, target) {
        for (key, value) in section.entries().iter().filter(|(_, value)| value.node != Node::Null) {
            lay(&mut entry, key, value);
        }
    }
    Merged { name: image.name.clone(), entry }
}

fn sections<'a>(entry: &'a Yaml, target: &Target) -> Vec<&'a Yaml> {
    let named = |key: &str, name: &str| {
        let all = entry.get(key).map(Yaml::entries).unwrap_or_default();
        all.iter().find(|(key, _)| key.text() == Some(name)).map(|(_, section)| section)
    };
    let arch = [target.arch.kernel_name(), target.arch.debian_name()];
    let mut found: Vec<&Yaml> = arch.into_iter().find_map(|name| named("arches", name)).into_iter().collect();
    if let Some(platform) = &target.platform {
        found.extend(named("platforms", platform.as_str()));
        found.extend(arch.into_iter().find_map(|name| named("platforms", &format!("{platform}-{name}"))));
    }
    found
}

fn lay(entry: &mut Yaml, key: &Yaml, value: &Yaml) {
    let Node::Map(entries) = &mut entry.node else { return };
    let name = key.text().unwrap_or_default();
    let known =
        entries.iter_mut().find(|(other, have)| other.text() == Some(name) && have.node != Node::Null);
    match known {
        Some((_, have)) if ADDED.contains(&name) => {
            *have = listed(have);
            extend(have, &listed(value));
        }
        Some((_, have)) => *have = value.clone(),
        None => {
            entries.retain(|(other, _)| other.text() != Some(name));
            entries.push((key.clone(), value.clone()));
        }
    }
}

/// `kernel_args` may be one text; what is added to is a list.
fn listed(value: &Yaml) -> Yaml {
    match value.node {
        Node::List(_) | Node::Map(_) => value.clone(),
        _ => Yaml { at: value.at.clone(), node: Node::List(alloc::vec![value.clone()]) },
    }
}

/// Refuses sections of architectures and platforms that are unknown, said twice, or not the image's.
pub fn check_sections(entry: &Yaml, targets: &Targets) -> Result<(), Fault> {
    let mut seen: Vec<String> = Vec::new();
    for (key, _) in entry.get("arches").map(Yaml::entries).unwrap_or_default() {
        let name = key.text().unwrap_or_default();
        let arch = arch(name).map_err(|error| error.at(key))?;
        twice(key, &mut seen, arch.to_string())?;
        if !targets.has(|target| target.arch == arch) {
            return Err(unused(key, targets, &[]));
        }
    }
    for (key, _) in entry.get("platforms").map(Yaml::entries).unwrap_or_default() {
        let name = key.text().unwrap_or_default();
        if !name.contains('-') {
            let platform: Platform = name.parse().map_err(|error| key.at.bad(error))?;
            twice(key, &mut seen, format!("platform {platform}"))?;
            if !targets.has(|target| target.platform.as_ref() == Some(&platform)) {
                let words = targets.all().iter().filter_map(|target| target.platform.as_ref());
                return Err(unused(key, targets, &words.map(ToString::to_string).collect::<Vec<_>>()));
            }
            continue;
        }
        let target = target(name).map_err(|error| error.at(key))?;
        twice(key, &mut seen, target.to_string())?;
        if !targets.has(|known| *known == target) {
            let finer = targets.all().iter().filter(|target| target.platform.is_some());
            return Err(unused(key, targets, &finer.map(ToString::to_string).collect::<Vec<_>>()));
        }
    }
    Ok(())
}

fn twice(key: &Yaml, seen: &mut Vec<String>, name: String) -> Result<(), Fault> {
    if seen.contains(&name) {
        return Err(key.at.bad(format!("{name} has two sections")).hint("make one of them"));
    }
    seen.push(name);
    Ok(())
}

fn unused(key: &Yaml, targets: &Targets, words: &[String]) -> Fault {
    let name = key.text().unwrap_or_default();
    let fault = key.at.bad(format!("no target of this image would use the section `{name}`"));
    match nearest(name, words.iter().map(String::as_str)) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => {
            let all: Vec<String> = targets.all().iter().map(ToString::to_string).collect();
            fault.hint(format!("`targets` are {}", all.join(", ")))
        }
    }
}
