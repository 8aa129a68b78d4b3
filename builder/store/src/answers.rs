//! Small things that are remembered: how long steps took and what they saw, what the network said, which files a set had.
//!
//! In: numbers and bytes under names. Out: the same, the next time. Never: part of a result: without them a build is slower to
//! tell, asks again, or writes a set again.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use dibber_fs::PathError;
use dibber_model::Digest;

use super::{Store, StoreError, write_beside};

/// No record is longer, in bytes: a hundred a file, for a hundred thousand files of elements, and their variables.
const LONGEST_RECORD: u64 = 16 << 20;

/// Seconds of each step of an image, the last time that it ran.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timings {
    seconds: BTreeMap<String, f64>,
}

impl Timings {
    /// Seconds of a step (`install/10-ssh`), if it ever ran.
    pub fn seconds_of(&self, step: &str) -> Option<f64> {
        self.seconds.get(step).copied()
    }

    /// Seconds of every step, by name.
    pub fn all(self) -> BTreeMap<String, f64> {
        self.seconds
    }

    /// Remembers them.
    pub fn set(&mut self, step: &str, seconds: f64) {
        self.seconds.insert(step.to_string(), seconds);
    }
}

impl Store {
    /// Timings of an image (`x86_64-overcloud-full`); those that cannot be read are none.
    pub fn timings(&self, image: &str) -> Timings {
        let bytes = dibber_fs::read_file(&self.timings_path(image), 1 << 20).unwrap_or_default();
        Timings { seconds: serde_json::from_slice(&bytes).unwrap_or_default() }
    }

    /// Writes timings of an image.
    pub fn save_timings(&self, image: &str, timings: &Timings) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec_pretty(&timings.seconds).expect("keys are strings");
        write_beside(&self.timings_path(image), &bytes)
    }

    fn timings_path(&self, image: &str) -> std::path::PathBuf {
        self.root.join("timings").join(format!("{}.json", image.replace('/', "_")))
    }

    /// What the steps of an image's last build saw, as the driver wrote it.
    pub fn build_record(&self, image: &str) -> Option<Vec<u8>> {
        dibber_fs::read_file(&self.record_path(image), LONGEST_RECORD).ok()
    }

    /// Writes that.
    pub fn save_build_record(&self, image: &str, record: &[u8]) -> Result<(), StoreError> {
        write_beside(&self.record_path(image), record)
    }

    fn record_path(&self, image: &str) -> std::path::PathBuf {
        self.root.join("timings").join(format!("{}.inputs.json", image.replace('/', "_")))
    }

    /// Remembers what the files of a set were (a digest of all of them), by what they are a function of.
    pub fn remember_files(&self, set: Digest, files: Digest) -> Result<(), StoreError> {
        write_beside(&self.set_path(set), files.to_string().as_bytes())
    }

    /// Whether they are these: an output directory may say that its files are of a set which they never were.
    pub fn remembers_files(&self, set: Digest, files: Digest) -> bool {
        fs::read(self.set_path(set)).is_ok_and(|known| known == files.to_string().as_bytes())
    }

    fn set_path(&self, set: Digest) -> std::path::PathBuf {
        self.root.join("sets").join(set.to_string())
    }

    /// What the network answered to a question (`GET http://...`), if that was recorded.
    pub fn answer(&self, question: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.answer_path(question);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(PathError::new("read", &path, e).into()),
        }
    }

    /// Records an answer, in place of an earlier one.
    pub fn record_answer(&self, question: &str, answer: &[u8]) -> Result<(), StoreError> {
        write_beside(&self.answer_path(question), answer)
    }

    fn answer_path(&self, question: &str) -> std::path::PathBuf {
        self.root.join("answers").join(Digest::of(question.as_bytes()).to_string())
    }
}
