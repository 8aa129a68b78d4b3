//! The tables of options and variables against dib's own driver: what it reads is in them.
//!
//! In: the shell scripts of dib 3.43.0. Out: no option and no variable that only dib knows. Never: a list of dib's written down here.

use std::collections::BTreeSet;
use std::fs;

use dibber_plan::dib::{OPTIONS, OptionFacts, VARIABLES, is_given_to_hooks};

use crate::dib_agreement::Dib;

/// Variables that the driver sets before it reads them, and the shell's own.
const SET_BY_THE_DRIVER: [&str; 35] = [
    "BLOCK_DEVICE_CONFIG_YAML",
    "BOOTDIR",
    "COMPRESS_IMAGE",
    "DIB_BLOCK_DEVICE",
    "DIB_BLOCK_DEVICE_PARAMS_YAML",
    "DIB_MOUNTPOINTS",
    "DIB_ROOT_FSTYPE",
    "DIB_RUN_PARTS",
    "DOCKER_TARGET",
    "EXTRA_DETACH",
    "EXTRA_OPTIONS",
    "EXTRA_UNMOUNT",
    "FORMAT",
    "HOME",
    "IMAGE_BLOCK_DEVICE",
    "IMAGE_ELEMENT",
    "IMAGE_TYPE",
    "IMAGE_TYPES",
    "INSTALL_PACKAGES",
    "IS_RAMDISK",
    "KERNEL",
    "KERNEL_VERSION",
    "LOGFILE",
    "MKFS_OPTS",
    "ORIG_HOME",
    "OUT_IMAGE_PATH",
    "PATH",
    "PIPESTATUS",
    "PROFILE_DIR",
    "RAMDISK",
    "RAM_NEEDED",
    "SCRIPTNAME",
    "TARGET_ROOT",
    "TEMP",
    "USER",
];

fn driver(dib: &Dib) -> String {
    let files = [
        "disk-image-create",
        "common-functions",
        "img-functions",
        "common-defaults",
        "img-defaults",
        "ramdisk-defaults",
        "dib-run-parts",
    ];
    let read =
        |name: &&str| fs::read_to_string(dib.package.join("lib").join(name)).expect("a script of dib's");
    files.iter().map(read).collect()
}

#[test]
fn every_option_of_dibs() {
    let text = driver(&Dib::find());
    let line = text.lines().find(|line| line.starts_with("TEMP=`getopt -o ")).expect("getopt");
    let mut words = line.split(' ').skip_while(|word| *word != "-o");
    let letters = words.nth(1).expect("letters").to_string();
    let longs = words.nth(1).expect("long options").to_string();
    for letter in letters.chars().filter(|letter| *letter != ':') {
        let facts = OPTIONS
            .iter()
            .find(|facts| facts.short == Some(letter))
            .unwrap_or_else(|| panic!("no -{letter}"));
        assert_eq!(facts.value.is_some(), letters.contains(&format!("{letter}:")), "-{letter}");
    }
    for long in longs.split(',') {
        let name = long.trim_end_matches(':');
        let facts =
            OPTIONS.iter().find(|facts| facts.long == Some(name)).unwrap_or_else(|| panic!("no --{name}"));
        assert_eq!(facts.value.is_some(), long.ends_with(':'), "--{name}");
    }
    // Those that its help has and its getopt has not, too.
    let helped = text.lines().filter_map(|line| line.trim().strip_prefix("echo \"    --")?.split(' ').next());
    for name in helped {
        assert!(OPTIONS.iter().any(|facts: &OptionFacts| facts.long == Some(name)), "no --{name}");
    }
}

#[test]
fn every_variable_of_dibs_driver() {
    let text = driver(&Dib::find());
    let code = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut read: BTreeSet<String> = BTreeSet::new();
    for part in code.flat_map(|line| line.split('$').skip(1)) {
        let part = part.trim_start_matches(['{', '#', '!']);
        let name: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let is_word =
            name.starts_with("break") || name.len() > 2 && name.chars().all(|c| !c.is_ascii_lowercase());
        if is_word && !name.starts_with(|c: char| c.is_ascii_digit() || c == '_') && !name.starts_with("TMP_")
        {
            read.insert(name);
        }
    }
    read.extend(text.contains("TMP_DIR").then(|| "TMP_DIR".to_string()));
    let is_known = |name: &String| {
        VARIABLES.iter().any(|facts| facts.name == name)
            || is_given_to_hooks(name)
            || SET_BY_THE_DRIVER.contains(&name.as_str())
    };
    let unknown: Vec<&String> = read.iter().filter(|name| !is_known(name)).collect();
    assert!(unknown.is_empty(), "dib's driver reads {unknown:?}");
    assert!(read.len() > 60, "{read:?}");
}
