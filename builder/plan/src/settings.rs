//! What an image file says about users, names and files, as one generated element.
//!
//! For a user, a hostname or a file, dib wants an element. An image file may name these directly instead; they are written here as one generated
//! element, so that everything behind this module treats them as any other element's hooks and data.
//!
//! In: an [`ImageSpec`]. Out: an element whose fixed scripts read data files beside them, and the packages that they
//! need. Never: shell text built from data; never a password that the file does not give.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use dibber_model::Digest;

use crate::image::{FileSpec, HookSpec, ImageSpec, UserSpec, one_line_each};
use crate::source::{Body, ElementSource, Entry, SETTINGS_DATA as DATA};
use crate::yaml::Fault;

const SYSTEM: &str = include_str!("settings/system.sh");
const USERS: &str = include_str!("settings/users.sh");
const FILES: &str = include_str!("settings/files.sh");

/// Locales that need no package and no generation.
const BUILT_IN: [&str; 3] = ["C", "POSIX", "C.UTF-8"];

/// The element of an image's own settings, `<image>-settings`; `None` if it has none.
pub(crate) fn settings(image: &ImageSpec) -> Result<Option<ElementSource>, Fault> {
    let mut element = Draft { entries: BTreeMap::new() };
    if system(image, &mut element)? {
        element.file("post-install.d/70-image-settings-system", true, SYSTEM);
    }
    one_line_each(&image.entry, "ssh_keys")?;
    let keys = image.entry.get_texts("ssh_keys");
    if !keys.is_empty() {
        element.file(&format!("{DATA}/ssh_keys"), false, &lines(&keys));
    }
    for (index, user) in image.users.iter().enumerate() {
        write_user(&mut element, &format!("{DATA}/users/{index:03}"), user);
    }
    if !keys.is_empty() || !image.users.is_empty() {
        element.file("post-install.d/71-image-settings-users", true, USERS);
    }
    for (index, file) in image.files.iter().enumerate() {
        write_file(&mut element, &format!("{DATA}/files/{index:03}"), file);
    }
    if !image.files.is_empty() {
        element.file("post-install.d/72-image-settings-files", true, FILES);
    }
    for hook in &image.hooks {
        write_hook(&mut element, hook, image)?;
    }
    let name = format!("{}-settings", image.name);
    let origin = image.entry.at.source.origin.clone();
    Ok((!element.entries.is_empty()).then_some(ElementSource {
        name,
        origin,
        entries: element.entries,
        modes: BTreeMap::new(),
    }))
}

/// Packages that the scripts need.
pub(crate) fn settings_packages(image: &ImageSpec) -> Vec<String> {
    let mut packages = Vec::new();
    if image.users.iter().any(|user| user.sudo) {
        packages.push("sudo".to_string());
    }
    if image.text("locale").is_some_and(|locale| !BUILT_IN.contains(&locale)) {
        packages.push("locales".to_string());
    }
    if image.text("timezone").is_some() {
        packages.push("tzdata".to_string());
    }
    packages
}

/// Names that become lines and paths: one word each, of the letters that such names have.
fn system(image: &ImageSpec, element: &mut Draft) -> Result<bool, Fault> {
    type Fits = fn(&str) -> bool;
    let keys: [(&str, Fits, &str); 3] = [
        ("hostname", is_hostname, "a hostname: letters, digits, `-` and `.`, up to 253"),
        ("locale", |text| is_word(text, "_.@-"), "a locale, such as en_GB.UTF-8"),
        ("timezone", is_zone, "a time zone, such as Europe/Berlin"),
    ];
    let mut any = false;
    for (key, fits, what) in keys {
        let Some(value) = image.entry.get(key) else { continue };
        let text = value.text().unwrap_or_default();
        if !fits(text) {
            return Err(value.at.bad(format!("`{text}` is not {what}")));
        }
        element.file(&format!("{DATA}/{key}"), false, &format!("{text}\n"));
        any = true;
    }
    Ok(any)
}

fn is_word(text: &str, marks: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
}

/// RFC 1123, section 2.1: labels of up to 63 letters, digits and inner hyphens.
fn is_hostname(text: &str) -> bool {
    let label = |label: &str| label.len() <= 63 && is_word(label, "-") && !label.ends_with('-');
    text.len() <= 253 && text.split('.').all(label)
}

fn is_zone(text: &str) -> bool {
    text.split('/').all(|part| is_word(part, "_+-"))
}

fn lines(texts: &[String]) -> String {
    texts.iter().map(|text| format!("{}\n", text.trim_end())).collect()
}

fn write_user(element: &mut Draft, at: &str, user: &UserSpec) {
    element.file(&format!("{at}/name"), false, &format!("{}\n", user.name));
    element.file(&format!("{at}/shell"), false, &format!("{}\n", user.shell));
    if !user.groups.is_empty() {
        element.file(&format!("{at}/groups"), false, &format!("{}\n", user.groups.join(",")));
    }
    if !user.ssh_keys.is_empty() {
        element.file(&format!("{at}/ssh_keys"), false, &lines(&user.ssh_keys));
    }
    if let Some(hash) = &user.password {
        element.file(&format!("{at}/password"), false, &format!("{hash}\n"));
    }
    if user.sudo {
        element.file(&format!("{at}/sudo"), false, &format!("{} ALL=(ALL) NOPASSWD:ALL\n", user.name));
    }
}

fn write_file(element: &mut Draft, at: &str, file: &FileSpec) {
    element.file(&format!("{at}/path"), false, &format!("{}\n", file.path));
    element.file(&format!("{at}/mode"), false, &format!("{:04o}\n", file.mode));
    element.file(&format!("{at}/owner"), false, &format!("{}\n", file.owner));
    element.file(&format!("{at}/content"), false, &file.content);
}

fn write_hook(element: &mut Draft, hook: &HookSpec, image: &ImageSpec) -> Result<(), Fault> {
    let path = format!("{}/{}", hook.phase.directory(), hook.name);
    if element.entries.contains_key(&path) {
        let at = image.entry.get("hooks").map_or(&image.entry.at, |hooks| &hooks.at);
        return Err(at.bad(format!("two hooks of this image are called {path}")).hint("rename one of them"));
    }
    let text = match hook.script.starts_with("#!") {
        true => hook.script.clone(),
        false => format!("#!/bin/bash\nset -eu -o pipefail\n{}", hook.script),
    };
    element.file(&path, true, &text);
    Ok(())
}

struct Draft {
    entries: BTreeMap<String, Entry>,
}

impl Draft {
    fn file(&mut self, path: &str, executable: bool, text: &str) {
        for (end, _) in path.match_indices('/') {
            self.entries.insert(path[..end].to_string(), Entry::Dir);
        }
        let body: Arc<[u8]> = text.as_bytes().into();
        let entry = Entry::File { executable, digest: Digest::of(&body), body: Body::Inline(body) };
        self.entries.insert(path.to_string(), entry);
    }
}
