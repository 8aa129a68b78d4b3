//! One image's data, on its way.
//!
//! In: an image that is wanted and not there. Out: an image that Glance says is active, of the right size and hash, under the
//! name that it has until then. Never: a second request for the same half of an upload.

use std::cell::Cell;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use super::images::{Glance, Image};
use super::{GlanceError, Progress, Settings, Wanted, decide, hashes};

/// Progress is told in steps of this many bytes.
const TOLD_EVERY: u64 = 4 << 20;
/// Between an upload that failed and the next: this, then twice as much, and so on.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Checks the file, then sends it whole, and whole again where that may help.
pub(super) fn transfer(
    glance: &mut Glance,
    wanted: &Wanted,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Image, GlanceError> {
    check_file(wanted, progress)?;
    let mut pause = FIRST_PAUSE;
    let mut left = settings.retries;
    loop {
        let error = match once(glance, wanted, settings, progress) {
            Ok(image) => return Ok(image),
            Err(error) => error,
        };
        if left == 0 || !error.may_pass() {
            return Err(error);
        }
        left -= 1;
        let text = format!("{error}; sending {} whole again in {} s", wanted.name, pause.as_secs());
        progress.warned(&text);
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn once(
    glance: &mut Glance,
    wanted: &Wanted,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Image, GlanceError> {
    let description = decide::description(wanted, settings.visibility.as_deref());
    let id = glance.create(&wanted.name, &description)?.id;
    let sent = send(glance, wanted, &id, progress).and_then(|()| {
        let image = glance.image(&id)?;
        let fault = match image.status.as_str() {
            "active" => decide::fault(wanted, &image),
            other => Some(format!("its status is {other}")),
        };
        match fault {
            None => Ok(image),
            Some(why) => Err(GlanceError::Lied { name: wanted.name.clone(), id: id.clone(), why }),
        }
    });
    if sent.is_err() {
        // What is left behind where this fails too is found by the next run.
        let _ = glance.remove(&id);
    }
    sent
}

fn send(glance: &mut Glance, wanted: &Wanted, id: &str, progress: &dyn Progress) -> Result<(), GlanceError> {
    let stage = Stage::begin(format!("upload {}", wanted.name), wanted.bytes, progress);
    let whole = |glance: &mut Glance| {
        let file = dibber_fs::open_file(&wanted.path);
        let file = file.map_err(|source| GlanceError::File { path: wanted.path.clone(), source })?;
        let mut data = Told { inner: file.take(wanted.bytes), done: 0, stage: &stage };
        glance.send((&wanted.name, id), &mut data, wanted.bytes)
    };
    let mut sent = whole(glance);
    if glance.is_forgotten(&sent)? {
        sent = whole(glance);
    }
    stage.end();
    sent
}

/// What is sent is what `images.json` names, byte for byte.
fn check_file(wanted: &Wanted, progress: &dyn Progress) -> Result<(), GlanceError> {
    let stage = Stage::begin(format!("check {}", wanted.name), wanted.bytes, progress);
    let read = hashes::of(&wanted.path, &|done| stage.tell(done));
    let (sha256, sha512) = read.map_err(|source| GlanceError::File { path: wanted.path.clone(), source })?;
    if sha256 == wanted.sha256 && sha512 == wanted.sha512 {
        stage.end();
        return Ok(());
    }
    let which = if sha256 == wanted.sha256 { "its sidecar's sha512" } else { "images.json" };
    Err(GlanceError::Set {
        path: wanted.path.clone(),
        why: format!("its content is not what {which} says; build the image again"),
    })
}

/// A stage of work that is told as it goes.
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

/// A reader that tells how far it is.
struct Told<'a, R> {
    inner: R,
    done: u64,
    stage: &'a Stage<'a>,
}

impl<R: Read> Read for Told<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.done += n as u64;
        self.stage.tell(self.done);
        Ok(n)
    }
}
