//! Architectures and platforms are data: their files are the only place in the program that names one.
//!
//! In: the program's sources, and the table. Out: every line of code that names an architecture, which must be none. Never:
//! comments and tests, which may speak of them.

use std::collections::BTreeSet;
use std::fs;

use dibber_model::Arch;
use dibber_model::arch::Platform;

use super::sources::{builder, code, names, sources};

/// `arch.rs`, and what is in `arch/`; and GRUB's names of its platforms for UEFI, which hooks give to grub-install.
const HOMES: [&str; 4] =
    ["model/src/arch.rs", "model/src/arch_tests.rs", "model/src/arch", "shim/src/efi_install.rs"];

/// Every word by which code could tell architectures apart.
fn words() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for arch in Arch::all() {
        let facts = arch.facts();
        let (first, rest) = facts.kernel_name.split_at(1);
        words.insert(format!("Arch::{}{rest}", first.to_uppercase()));
        words
            .extend([facts.kernel_name, facts.debian_name, facts.triplet, facts.rust_name].map(String::from));
        words.extend(facts.console.split(',').next().map(String::from));
        words.extend(facts.aliases.iter().chain(&facts.efi_name).map(|word| word.to_string()));
        words.extend(facts.machine.iter().map(|machine| machine.program.to_string()));
    }
    words.extend(Platform::known().map(|facts| facts.cpu.to_string()));
    words
}

/// Where the ABI of the machine's own system calls is asked of the compiler: no fact of an image's architecture.
const SYSTEM_CALLS: &str = "sandbox/src/seccomp.rs";

fn faults(file: &str, text: &str, words: &BTreeSet<String>) -> Vec<String> {
    let asks_compiler = |line: &str| file.ends_with(SYSTEM_CALLS) && line.contains("target_arch");
    let named = |line: &str| words.iter().find(|word| names(line, word) && !asks_compiler(line)).cloned();
    code(text)
        .filter_map(|(at, line)| Some(format!("{file}:{}: {}: {}", at + 1, named(line)?, line.trim())))
        .collect()
}

#[test]
fn no_code_names_an_architecture() {
    let words = words();
    let mut files = sources(&builder());
    files.retain(|file| !HOMES.iter().any(|home| file.starts_with(builder().join(home))));
    assert!(files.len() > 100, "only {} sources below {}", files.len(), builder().display());
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("UTF-8");
        found.extend(faults(&file.display().to_string(), &text, &words));
    }
    assert!(
        found.is_empty(),
        "facts of architectures belong into builder/model/src/arch:\n{}",
        found.join("\n")
    );
}

/// The broken twins: what the table itself says is found, wherever it stands; what only looks like it is not.
#[test]
fn a_name_is_found() {
    let words = words();
    for arch in Arch::all() {
        let file = builder().join(HOMES[2]).join("known").join(format!("{arch}.rs"));
        let text =
            fs::read_to_string(&file).expect("an architecture's file is called as the kernel calls it");
        assert!(!faults("known", &text, &words).is_empty(), "{}", file.display());
    }
    for (text, count) in [
        ("match arch {\n    Arch::Ppc64le => 1,\n}", 1),
        ("if name == \"arm64\" {}", 1),
        ("set(\"console\", \"ttyS0,115200\");", 1),
        ("// x86_64 alone\n/// ppc64le\nlet x = 1;", 0),
        ("let x = 1;\n#[cfg(test)]\nmod tests {\n    Arch::X86_64\n}", 0),
        ("let camd64s = wax86_64;", 0),
    ] {
        assert_eq!(faults("twin", text, &words).len(), count, "{text}");
    }
}
