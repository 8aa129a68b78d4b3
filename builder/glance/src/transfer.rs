//! One image's data, on its way.
//!
//! In: an image that is wanted and not there. Out: an image that Glance says is active, of the right size and hash, under the
//! name that it has until then. Never: a second request for the same half of an upload.

use std::cell::Cell;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use super::hashes::{FileHashes, hash_file};
use super::images::{Glance, Image};
use super::{DesiredImage, GlanceError, Progress, Settings, decide};

/// Progress is reported in steps of this many bytes.
const TOLD_EVERY: u64 = 4 << 20;
/// Between an upload that failed and the next: this, then twice as much, and so on.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Checks the file, then sends it whole, and whole again where that may help.
pub(super) fn transfer(
    glance: &mut Glance,
    desired: &DesiredImage,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Image, GlanceError> {
    check_file(desired, progress)?;
    let mut pause = FIRST_PAUSE;
    let mut left = settings.retries;
    loop {
        let error = match try_once(glance, desired, settings, progress) {
            Ok(image) => return Ok(image),
            Err(error) => error,
        };
        if left == 0 || !error.may_pass() {
            return Err(error);
        }
        left -= 1;
        let text = format!("{error}; sending {} whole again in {} s", desired.name, pause.as_secs());
        progress.warned(&text);
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn try_once(
    glance: &mut Glance,
    desired: &DesiredImage,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Image, GlanceError> {
    let description = decide::description(desired, settings.visibility.as_deref());
    let id = glance.create(&desired.name, &description)?.id;
    let sent = send(glance, desired, &id, progress).and_then(|()| {
        let image = glance.image(&id)?;
        let fault = match image.status.as_str() {
            "active" => decide::mismatch(desired, &image),
            other => Some(format!("its status is {other}")),
        };
        match fault {
            None => Ok(image),
            Some(why) => Err(GlanceError::Lied { name: desired.name.clone(), id: id.clone(), why }),
        }
    });
    if sent.is_err() {
        // What is left behind where this fails too is found by the next run.
        let _ = glance.remove(&id);
    }
    sent
}

fn send(
    glance: &mut Glance,
    desired: &DesiredImage,
    id: &str,
    progress: &dyn Progress,
) -> Result<(), GlanceError> {
    let stage = Stage::begin(format!("upload {}", desired.name), desired.bytes, progress);
    let whole = |glance: &mut Glance| {
        let file = dibber_fs::open_file(&desired.path);
        let file = file.map_err(|source| GlanceError::File { path: desired.path.clone(), source })?;
        let mut data = ProgressReader { inner: file.take(desired.bytes), done: 0, stage: &stage };
        glance.send(desired, id, &mut data)
    };
    let mut sent = whole(glance);
    if glance.is_forgotten(&sent)? {
        sent = whole(glance);
    }
    stage.end();
    sent
}

/// What is sent is what `images.json` names, byte for byte.
fn check_file(desired: &DesiredImage, progress: &dyn Progress) -> Result<(), GlanceError> {
    let stage = Stage::begin(format!("check {}", desired.name), desired.bytes, progress);
    let read = hash_file(&desired.path, &|done| stage.tell(done));
    let FileHashes { sha256, sha512 } =
        read.map_err(|source| GlanceError::File { path: desired.path.clone(), source })?;
    if sha256 == desired.sha256 && sha512 == desired.sha512 {
        stage.end();
        return Ok(());
    }
    let which = if sha256 == desired.sha256 { "its sidecar's sha512" } else { "images.json" };
    Err(GlanceError::Set {
        path: desired.path.clone(),
        why: format!("its content is not what {which} says; build the image again"),
    })
}

/// A stage of work whose progress is reported.
struct Stage<'a> {
    name: String,
    start: Instant,
    told: Cell<u64>,
    progress: &'a dyn Progress,
}

impl<'a> Stage<'a> {
    fn begin(name: String, bytes: u64, progress: &'a dyn Progress) -> Self {
        progress.started(&name, bytes);
        Stage { name, start: Instant::now(), told: Cell::new(0), progress }
    }

    fn tell(&self, done: u64) {
        if done >= self.told.get() + TOLD_EVERY {
            self.told.set(done);
            self.progress.advanced(done);
        }
    }

    fn end(self) {
        let seconds = self.start.elapsed().as_secs_f64();
        self.progress.finished(&self.name, seconds);
    }
}

/// A reader that reports how far it is.
struct ProgressReader<'a, R> {
    inner: R,
    done: u64,
    stage: &'a Stage<'a>,
}

impl<R: Read> Read for ProgressReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.done += n as u64;
        self.stage.tell(self.done);
        Ok(n)
    }
}
