//! What an image file puts into the tree by itself: users, files, hooks, and nodes and labels that no hook could make.
//!
//! Most images need a user with a key, a file and a line of shell, and dib wants an element for that. These keys are read here, and
//! `settings` writes them as one generated element, which is then treated as any other.
//!
//! In: a merged entry. Out: users, files, hooks and nodes, each value checked. Never: a password that is not hashed.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dibber_model::Phase;

use super::values::{absolute, flag, list, octal, parsed};
use crate::declared_node::{DeclaredNode, NodeKind};
use crate::spelling::nearest;
use crate::yaml::{Fault, Yaml};

/// A user to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSpec {
    /// Login name.
    pub name: String,
    /// Further groups.
    pub groups: Vec<String>,
    /// Login shell.
    pub shell: String,
    /// Passwordless sudo.
    pub sudo: bool,
    /// Lines of authorized_keys.
    pub ssh_keys: Vec<String>,
    /// crypt(5) hash; without one no password opens the account.
    pub password: Option<String>,
}

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSpec {
    /// Absolute path.
    pub path: String,
    /// Content.
    pub content: String,
    /// Permission bits.
    pub mode: u16,
    /// `user:group`.
    pub owner: String,
}

/// A script of the image's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookSpec {
    /// When.
    pub phase: Phase,
    /// Its place within the phase.
    pub name: String,
    /// The script.
    pub script: String,
}

/// A name of passwd(5) or group(5), as useradd(8) takes it.
fn is_account(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.len() <= 32
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
}

pub(super) fn user(entry: &Yaml) -> Result<UserSpec, Fault> {
    let name = entry.get_text("name").unwrap_or_default();
    if !is_account(name) {
        let at = entry.get("name").map_or(&entry.at, |value| &value.at);
        return Err(at.bad(format!("`{name}` cannot name a user; use small letters, digits, `_` and `-`")));
    }
    for group in list(entry, "groups") {
        if !is_account(group.text().unwrap_or_default()) {
            return Err(group.at.bad(format!("`{}` cannot name a group", group.text().unwrap_or_default())));
        }
    }
    if let Some(password) = entry.get("password") {
        let text = password.text().unwrap_or_default();
        // crypt(5): $id$salt$hash. The text itself stays out of the message.
        let hashed =
            text.starts_with('$') && text.matches('$').count() >= 3 && !text.contains([':', '\n', ' ']);
        if !hashed {
            let fault = password.at.bad("the password is not hashed, and a plain one is never stored");
            return Err(fault.hint("`openssl passwd -6` prints a hash"));
        }
    }
    one_line_each(entry, "ssh_keys")?;
    Ok(UserSpec {
        name: name.to_string(),
        groups: entry.get_texts("groups"),
        shell: entry
            .get("shell")
            .map_or(Ok("/bin/bash".to_string()), |shell| absolute(Some(shell), entry))?,
        sudo: flag(entry, "sudo").unwrap_or(false),
        ssh_keys: entry.get_texts("ssh_keys"),
        password: entry.get_text("password").map(ToString::to_string),
    })
}

/// Texts that become lines of a file must be lines.
pub(crate) fn one_line_each(entry: &Yaml, key: &str) -> Result<(), Fault> {
    for item in list(entry, key) {
        let text = item.text().unwrap_or_default();
        if text.trim().is_empty() || text.trim_end().contains('\n') {
            return Err(item.at.bad(format!("each of `{key}` is one line of text")));
        }
    }
    Ok(())
}

pub(super) fn file(entry: &Yaml) -> Result<FileSpec, Fault> {
    let owner = entry.get_text("owner").unwrap_or("root:root");
    if !owner.split_once(':').is_some_and(|(user, group)| is_account(user) && is_account(group)) {
        let at = entry.get("owner").map_or(&entry.at, |value| &value.at);
        return Err(at.bad(format!("`{owner}` is not an owner; write user:group")));
    }
    Ok(FileSpec {
        path: absolute(entry.get("path"), entry)?,
        content: entry.get_text("content").unwrap_or_default().to_string(),
        mode: entry.get("mode").map_or(Ok(0o644), octal)?,
        owner: owner.to_string(),
    })
}

pub(super) fn hook(entry: &Yaml) -> Result<HookSpec, Fault> {
    let at = |key: &str| entry.get(key).map_or(&entry.at, |value| &value.at);
    let phase = entry.get_text("phase").unwrap_or_default();
    let name = entry.get_text("name").unwrap_or_default();
    let known: Vec<&str> = Phase::all().map(Phase::name).collect();
    let phase: Phase = phase.trim_end_matches(".d").parse().map_err(|error| {
        let fault = at("phase").bad(error);
        match nearest(phase, known.iter().copied()) {
            Some(word) => fault.hint(format!("did you mean `{word}`?")),
            None => fault.hint(format!("there are {}", known.join(", "))),
        }
    })?;
    // dib-run-parts passes over every other name.
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
        return Err(at("name").bad(format!("`{name}` cannot name a hook; use letters, digits, `_` and `-`")));
    }
    Ok(HookSpec {
        phase,
        name: name.to_string(),
        script: entry.get_text("script").unwrap_or_default().to_string(),
    })
}

pub(super) fn nodes(entry: &Yaml) -> Result<Vec<DeclaredNode>, Fault> {
    let mut found = Vec::new();
    for node in list(entry, "nodes") {
        let number = |key: &str, bits: u32| -> Result<u32, Fault> {
            let Some(value) = node.get(key) else { return Ok(0) };
            let number: u32 = parsed(value)?;
            match number >> bits {
                0 => Ok(number),
                _ => Err(value.at.bad(format!("{number} does not fit into {bits} bits"))),
            }
        };
        let (major, minor) = (number("major", 12)?, number("minor", 20)?);
        let mode = node.get("mode").map_or(Ok(0o600), octal)?;
        let what = match node.get_text("type") {
            Some("block") => NodeKind::Block { major, minor, mode },
            _ => NodeKind::Char { major, minor, mode },
        };
        found.push(DeclaredNode { path: absolute(node.get("path"), node)?, what });
    }
    for label in list(entry, "labels") {
        let what = NodeKind::SelinuxLabel(label.get_text("label").unwrap_or_default().to_string());
        found.push(DeclaredNode { path: absolute(label.get("path"), label)?, what });
    }
    Ok(found)
}
