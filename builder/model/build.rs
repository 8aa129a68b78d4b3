//! The tables of architectures, platforms and distributions are their directories: a new file is a new row, and nothing else changes.
//!
//! In: `src/arch/known/*.rs`, `src/arch/platforms/*.rs` and `src/distro/known/*.rs`. Out: a module for each, a list of them, and for an architecture
//! a constant of `Arch` called as its file is (`ppc64le.rs`: `Arch::Ppc64le`). Never: a look into a file.
#![expect(clippy::disallowed_methods, reason = "the program's own source")]

use std::env;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=src/arch/known");
    println!("cargo:rerun-if-changed=src/arch/platforms");
    println!("cargo:rerun-if-changed=src/distro/known");
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(set("OUT_DIR")?);
    let arches = rows("src/arch/known")?;
    let mut text = table(&arches, "Facts");
    text.push_str(
        "/// One constant for each file of `known/`.\n#[allow(non_upper_case_globals)]\nimpl Arch {\n",
    );
    for (name, _) in &arches {
        let (first, rest) = name.split_at(1);
        let constant = format!("{}{rest}", first.to_uppercase());
        let _ = writeln!(text, "    /// `{name}`.\n    pub const {constant}: Arch = Arch(&{name}::FACTS);");
    }
    text.push_str("}\n");
    fs::write(out.join("known.rs"), text)?;
    fs::write(out.join("distros.rs"), table(&rows("src/distro/known")?, "DistroFacts"))?;
    fs::write(out.join("platforms.rs"), table(&rows("src/arch/platforms")?, "PlatformFacts"))
}

fn set(name: &str) -> io::Result<String> {
    env::var(name).map_err(|_| io::Error::other(format!("cargo sets {name}")))
}

/// Module names and their files, by name.
fn rows(dir: &str) -> io::Result<Vec<(String, PathBuf)>> {
    let dir = Path::new(&set("CARGO_MANIFEST_DIR")?).join(dir);
    let mut rows = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            rows.push((name.to_string(), path.clone()));
        }
    }
    rows.sort();
    Ok(rows)
}

fn table(rows: &[(String, PathBuf)], kind: &str) -> String {
    let mut text = String::new();
    for (name, path) in rows {
        let _ = writeln!(text, "#[path = {path:?}]\nmod {name};");
    }
    let all: Vec<String> = rows.iter().map(|(name, _)| format!("&{name}::FACTS")).collect();
    let _ = writeln!(text, "const KNOWN: [&{kind}; {}] = [{}];", rows.len(), all.join(", "));
    text
}
