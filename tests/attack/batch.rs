//! A batch of images, in a process of its own.
//!
//! In: numbers of images. Out: how many were tried, and which of them made the reader panic, hang, die, or hold too much. Never: an
//! image written before something was wrong with it.

use std::fs;
use std::io::Write;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dibber_inspect::{Image, Kind, Report, ShowError};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::Asked;
use crate::mutate;
use crate::random::Random;
use crate::seeds;

/// Processor seconds that one image may take.
const HANG: f64 = 5.0;
/// Exit code of a batch whose image took longer.
const HUNG: i32 = 86;
/// Most address space of a batch: what is promised, and as much again for the program, its seeds and threads.
const SPACE_MAX: u64 = 512 << 20;

/// What was found.
#[derive(Default)]
pub(crate) struct Figures {
    tried: u64,
    opened: u64,
    panics: u64,
    hangs: u64,
    deaths: u64,
    peak_kib: u64,
}

impl Figures {
    pub(crate) fn faults(&self) -> u64 {
        self.panics + self.hangs + self.deaths + u64::from(self.peak_kib > 256 << 10)
    }

    pub(crate) fn line(&self, seconds: f64) -> serde_json::Value {
        serde_json::json!({
            "images_tried": self.tried,
            "images_opened": self.opened,
            "panics": self.panics,
            "hangs_over_5_s": self.hangs,
            "deaths": self.deaths,
            "peak_kib": self.peak_kib,
            "seconds": seconds.round(),
            "per_second": (self.tried as f64 / seconds).round(),
        })
    }
}

/// Runs one batch, and tells how many of its images are done with.
pub(crate) fn spawn(first: u64, count: u64, all: &mut Figures) -> u64 {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    // Later options count, so that this batch's come after the caller's.
    command.args(std::env::args().skip(1));
    command.args(["--batch", "--first", &first.to_string(), "--count", &count.to_string()]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("start a batch");
    let mut done = 0;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut words = line.split(' ');
        let (word, number) =
            (words.next(), words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0));
        match word {
            Some("tried") => done = number,
            Some("opened") => all.opened += 1,
            Some("panicked") => {
                all.panics += 1;
                eprintln!("image {number} made the reader panic");
            }
            Some("peak") => all.peak_kib = all.peak_kib.max(number),
            _ => {}
        }
    }
    let ended = output.status.code();
    if ended != Some(0) {
        // The image after the last that is done with.
        match ended {
            Some(HUNG) => all.hangs += 1,
            _ => all.deaths += 1,
        }
        eprintln!("image {} ended its batch: {}", first + done, output.status);
        done += 1;
    }
    all.tried += done;
    done
}

/// Tries images, and says each result at once: the next one may be the last.
pub(crate) fn run(asked: &Asked, images: Range<u64>) {
    let limit = Rlimit { current: Some(SPACE_MAX), maximum: Some(SPACE_MAX) };
    setrlimit(Resource::As, limit).expect("a limit may always be lowered");
    panic::set_hook(Box::new(|_| {}));
    let seeds = seeds::all(&asked.images);
    let began = Arc::new(AtomicU64::new(now().to_bits()));
    watch(Arc::clone(&began));
    let mut said = std::io::stdout().lock();
    let first = images.start;
    for number in images {
        began.store(now().to_bits(), Ordering::Relaxed);
        let image = mutate::image(&seeds, &mut Random::of(asked.seed, number));
        if let Some(dir) = asked.keep.as_deref() {
            fs::write(dir.join("current"), &image).expect("write the image that is tried");
        }
        match panic::catch_unwind(AssertUnwindSafe(|| everything(image))) {
            Ok(Ok(())) => writeln!(said, "opened {number}"),
            Ok(Err(_)) => Ok(()),
            Err(_) => {
                if let Some(dir) = asked.keep.as_deref() {
                    let _ = fs::copy(dir.join("current"), dir.join(format!("panic-{number}")));
                }
                writeln!(said, "panicked {number}")
            }
        }
        .and_then(|()| writeln!(said, "tried {}", number + 1 - first))
        .expect("the one who started the batch reads");
    }
    writeln!(said, "peak {}", peak_kib()).expect("the one who started the batch reads");
}

/// Everything that `dibber show` can be asked about an image.
fn everything(image: Vec<u8>) -> Result<(), ShowError> {
    let image = Image::of_bytes(image)?;
    let report = Report::without_sidecar(&image)?;
    let _ = serde_json::to_vec(&report);
    let tree = image.tree()?;
    let mut first = None;
    let _ = tree.walk(&tree.find("/")?, &mut |path, entry| {
        if first.is_none() && entry.kind == Kind::File {
            first = Some(String::from_utf8_lossy(path).into_owned());
        }
        Ok(())
    });
    let _ = image.packages();
    for path in [first.as_deref().unwrap_or("/"), "/etc/link", "/old", "/efi/boot.efi"] {
        if let Ok(at) = tree.find(path) {
            let _ = tree.read(&at, &mut Bounded(64 << 20));
        }
    }
    Ok(())
}

/// Takes so many bytes, and then no more: a file may say that it has 2^63 zeros.
struct Bounded(usize);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Seconds of processor time of this process.
fn now() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Ends the batch when an image takes too long.
fn watch(began: Arc<AtomicU64>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(250));
            if now() - f64::from_bits(began.load(Ordering::Relaxed)) > HANG {
                std::process::exit(HUNG);
            }
        }
    });
}

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}
