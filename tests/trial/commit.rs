//! The smallest program that puts a set in place: what tests of the commit kill, and make fail.
//!
//! In: a directory and a version. Out: the exit code. Never: a check; tests do that.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use dibber_imageset::settle;
use dibber_model::{Arch, Target};
use dibber_tests::sets::Sample;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["settle", set] => settle(Path::new(set)),
        ["put", set, name, version, kinds] => {
            let arch = Arch::untagged().expect("an architecture that plain names are of");
            let kinds: Vec<&str> = kinds.split(',').collect();
            let target = Target { arch, platform: None };
            let sample = Sample { name, target, kinds: &kinds, properties: BTreeMap::new(), version };
            sample.put(Path::new(set)).map(drop)
        }
        _ => {
            eprintln!("commit-trial put SET NAME VERSION KIND,KIND... or commit-trial settle SET");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
