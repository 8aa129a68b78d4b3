//! The image file that says what a command says.
//!
//! In: a command. Out: a text that `dibber build` takes, and that a person would have written. Never: a secret that the command did not
//! have; a proxy, which is the machine's.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::command::{Checksums, Command};

/// An image file, and the name of its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFile {
    /// `imagename`.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// The image file of a command. `manifest` is the content of the file that `ACI_MANIFEST` names.
pub fn image_file(
    command: &Command,
    environment: &BTreeMap<String, String>,
    manifest: Option<&str>,
) -> ImageFile {
    let name = command.path.rsplit('/').next().unwrap_or_default().to_string();
    let mut entry = Entry { text: format!("  - imagename: {}\n", scalar(&name)) };
    if let Some(arch) = command.arch {
        entry.key("arch", arch.debian_name());
    }
    let outputs: Vec<String> = command.outputs.iter().map(|kind| kind.name().to_string()).collect();
    if command.ramdisk(environment).is_none() {
        entry.list("outputs", &outputs);
    }
    if let Some(element) = command.ramdisk(environment) {
        entry.key("ramdisk", &element);
    }
    if command.skip_base {
        entry.line("skip_base", "true");
    }
    entry.list("elements", &command.elements);
    entry.list("packages", &command.options.packages);
    if let Some(size) = command.options.size {
        // Exactly: sizes for people are rounded.
        entry.key("size", &format!("{}KiB", size.0 >> 10));
    }
    if command.options.uncompressed {
        entry.key("compression", "none");
    }
    if let Some(target) = &command.options.docker_target {
        entry.key("docker_target", target);
    }
    if let Some(manifest) = manifest {
        entry.key("aci_manifest", manifest);
    }
    entry.list("options", &command.image_options);
    entry.map("environment", &variables(command));
    ImageFile { name, text: format!("disk_images:\n{}", entry.text) }
}

/// Variables of the image: the caller's, with what options say over them.
fn variables(command: &Command) -> BTreeMap<String, String> {
    let mut found = command.variables.clone();
    let caller = found.remove("DIB_DEBUG_TRACE").and_then(|text| text.trim().parse::<u32>().ok());
    let trace = caller.unwrap_or(0).saturating_add(command.options.trace);
    if trace > 0 {
        found.insert("DIB_DEBUG_TRACE".into(), trace.to_string());
    }
    // Hooks write sums of their own by it.
    let sums = match command.checksums {
        Checksums { md5: true, sha256: true } => Some("1"),
        Checksums { md5: true, .. } => Some("md5"),
        Checksums { sha256: true, .. } => Some("sha256"),
        _ => None,
    };
    found.extend(sums.map(|sums| ("DIB_CHECKSUM".to_string(), sums.to_string())));
    if let Some(kind) = &command.options.install_type {
        found.insert("DIB_DEFAULT_INSTALLTYPE".into(), kind.clone());
    }
    found
}

struct Entry {
    text: String,
}

impl Entry {
    fn line(&mut self, key: &str, value: &str) {
        self.text += &format!("    {key}: {value}\n");
    }

    fn key(&mut self, key: &str, value: &str) {
        self.line(key, &scalar(value));
    }

    fn list(&mut self, key: &str, values: &[String]) {
        if values.is_empty() {
            return;
        }
        self.text += &format!("    {key}:\n");
        for value in values {
            self.text += &format!("      - {}\n", scalar(value));
        }
    }

    fn map(&mut self, key: &str, values: &BTreeMap<String, String>) {
        if values.is_empty() {
            return;
        }
        self.text += &format!("    {key}:\n");
        for (name, value) in values {
            self.text += &format!("      {name}: {}\n", scalar(value));
        }
    }
}

/// A text as YAML reads it back: plain where no reader takes it for anything else, else as JSON has it.
pub(crate) fn scalar(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./+".contains(c);
    let is_word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(fits) && !is_word;
    match plain {
        true => text.to_string(),
        false => serde_json::Value::from(text).to_string(),
    }
}
