//! dib's own commands, answered by dibber: their files, their codes, their words.
//!
//! In: links to the program, dib itself for its YAML. Out: what is left beside the images, judged by other programs. Never: the network.

mod archives;
mod files;
mod formats;
mod tables;
mod yaml;

use std::path::{Path, PathBuf};
use std::process::Command;

use dibber_tests::workshop::{Told, Workshop, run};

/// A workshop with the links.
pub(super) struct Fronts {
    pub(super) shop: Workshop,
}

impl Fronts {
    pub(super) fn new() -> Fronts {
        let shop = Workshop::new();
        shop.run(&["links", &shop.text("work/bin")]).well();
        Fronts { shop }
    }

    /// One of dib's commands, as a person starts it who has the links.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.shop.at("work/bin").join(name));
        command.current_dir(self.shop.at("work")).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.shop.at("work"));
        command.env("DIBBER_CACHE", self.shop.cache()).env("ELEMENTS_PATH", self.shop.at("elements"));
        command.env("SOURCE_DATE_EPOCH", "1700000000");
        command
    }

    /// Runs `disk-image-create` with these words.
    pub(super) fn create(&self, words: &[&str]) -> Told {
        run(self.command("disk-image-create").args(words))
    }

    /// Names in a directory of the person's, sorted.
    pub(super) fn names(&self, dir: &str) -> Vec<String> {
        names(&self.shop.at("work").join(dir))
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.shop.at("work").join(path)
    }

    pub(super) fn text(&self, path: &str) -> String {
        self.at(path).to_str().expect("UTF-8").to_string()
    }
}

pub(super) fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
