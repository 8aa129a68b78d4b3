//! Thousands of damaged images before the readers of `dibber show`.
//!
//!     attack-images [--count N] [--seed N] [--first N] [--keep DIR] [IMAGE...]
//!     attack-images --write-seeds DIR
//!
//! In: seeds of its own, and small images that are named; how many to try. Out: one line of JSON with figures, and with `--keep` each
//! image that something was wrong with. Never: a figure of a run that did not end: every batch has a process of its own, which may
//! die without taking the others along.

mod batch;
mod fields;
mod mutate;
mod random;
mod seeds;
mod volumes;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use batch::Figures;

/// Images that one process tries.
const BATCH: u64 = 2000;

/// What is asked for.
pub(crate) struct Asked {
    count: u64,
    pub(crate) seed: u64,
    first: u64,
    pub(crate) keep: Option<PathBuf>,
    pub(crate) images: Vec<PathBuf>,
    write_seeds: Option<PathBuf>,
    /// This process is a batch's.
    batch: bool,
}

fn main() -> ExitCode {
    let asked = match asked(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!(
                "attack-images: {why}; usage: [--count N] [--seed N] [--first N] [--keep DIR] [IMAGE...]"
            );
            return ExitCode::from(2);
        }
    };
    if let Some(dir) = &asked.write_seeds {
        seeds::write(dir);
        return ExitCode::SUCCESS;
    }
    if asked.batch {
        batch::run(&asked, asked.first..asked.first + asked.count);
        return ExitCode::SUCCESS;
    }
    let start = Instant::now();
    let mut all = Figures::default();
    let mut next = asked.first;
    let end = asked.first + asked.count;
    while next < end {
        next += batch::spawn(next, BATCH.min(end - next), &mut all);
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{}", all.line(seconds));
    if all.faults() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn asked(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked {
        count: 10_000,
        seed: 1,
        first: 0,
        keep: None,
        images: Vec::new(),
        write_seeds: None,
        batch: false,
    };
    while let Some(word) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{word} wants a value"));
        let number = |text: String| text.parse().map_err(|_| format!("`{text}` is no number"));
        match word.as_str() {
            "--count" => asked.count = number(value()?)?,
            "--seed" => asked.seed = number(value()?)?,
            "--first" => asked.first = number(value()?)?,
            "--keep" => asked.keep = Some(value()?.into()),
            "--write-seeds" => asked.write_seeds = Some(value()?.into()),
            "--batch" => asked.batch = true,
            option if option.starts_with('-') => return Err(format!("there is no {option}")),
            image => asked.images.push(image.into()),
        }
    }
    Ok(asked)
}
