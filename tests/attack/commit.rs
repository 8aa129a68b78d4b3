//! Hits commits: errors and kills at each system call of a commit, and kills of whole builds while they put a set in place.
//!
//! In: how many kills of builds, the program to hit. Out: a line of JSON with figures; exit code 1 if a set was torn. Never: a set
//! of somebody's: everything is in a workshop of its own. Wants root and strace.

use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use dibber_tests::blows::{CALLS, FATES, Siege};
use dibber_tests::sets;
use dibber_tests::workshop::{Numbers, Workshop};

/// What was tried, and what came of it.
#[derive(Default)]
struct Figures {
    errors: usize,
    kills_at_calls: usize,
    kills_of_builds: usize,
    while_replacing: usize,
    new_sets: usize,
    torn: Vec<String>,
}

impl Figures {
    fn blame(&mut self, what: &str, faults: &[String]) {
        self.torn.extend(faults.iter().map(|fault| format!("{what}: {fault}")));
    }
}

fn main() -> ExitCode {
    let kills = std::env::args().nth(1).map_or(100, |word| word.parse().expect("a number of kills"));
    let begin = Instant::now();
    let mut figures = Figures::default();
    hit_calls(&beside("commit-trial"), &mut figures);
    kill_builds(kills, &mut figures);
    let line = json!({
        "attack": "commit", "errors": figures.errors, "kills_at_calls": figures.kills_at_calls,
        "kills_of_builds": figures.kills_of_builds, "while_replacing": figures.while_replacing,
        "new_sets": figures.new_sets, "torn": figures.torn.len(), "faults": figures.torn,
        "seconds": begin.elapsed().as_secs(),
    });
    println!("{line}");
    ExitCode::from(u8::from(!figures.torn.is_empty()))
}

fn beside(name: &str) -> PathBuf {
    std::env::current_exe().expect("own path").with_file_name(name)
}

/// Every call of every kind, with every fate.
fn hit_calls(trial: &Path, figures: &mut Figures) {
    let siege = Siege::new(trial);
    for call in CALLS {
        for fate in FATES {
            for (number, wound) in (1..).map_while(|number| Some((number, siege.hit(call, fate, number)?))) {
                *(if fate == "signal=KILL" { &mut figures.kills_at_calls } else { &mut figures.errors }) += 1;
                figures.new_sets += usize::from(wound.is_new);
                figures.blame(&format!("{call} {number} {fate}, at once"), &wound.at_once);
                figures.blame(&format!("{call} {number} {fate}, after the next command"), &wound.after);
            }
        }
    }
}

/// Builds that are killed at a moment drawn over their commit; then the set is looked at, mended by `select`, and looked at again.
fn kill_builds(kills: usize, figures: &mut Figures) {
    let shop = Workshop::with(&beside("dibber"), None);
    shop.hook(
        "one/install.d/50-r",
        "echo $ROUND > /root/round; dd if=/dev/urandom of=/root/big bs=1M count=8",
    );
    let image =
        shop.image("good", &[("elements", "[tiny-os, one]"), ("outputs", "[raw, qcow2]"), ("size", "48MiB")]);
    shop.build(&image, &["--env", "ROUND=0"]).well();
    let span = span(&shop, &image);
    let (out, mut numbers) = (shop.out(), Numbers(0xbadc_0ffe));
    for round in 1..=kills {
        let mut child = until_ready(&shop, &image, round);
        std::thread::sleep(Duration::from_micros(numbers.below(span)));
        // It may be done.
        let _ = child.kill();
        let _ = child.wait();
        figures.kills_of_builds += 1;
        figures.while_replacing += usize::from(sets::images(&out).get("switch").is_some());
        figures.blame(&format!("build {round}, at once"), &sets::torn(&out));
        let selected = shop.run(&["select", "good", "--in", out.to_str().expect("UTF-8")]);
        if selected.code != Some(0) {
            figures.blame(&format!("build {round}, select"), &[selected.out, selected.err]);
        }
        // The stage of a killed build is cleared by the next one, and its log is for people.
        let left =
            |fault: &String| !(fault.starts_with(".dibber-x86_64-good ") || fault.contains(".log is left"));
        let faults: Vec<String> = sets::amiss(&out).into_iter().filter(left).collect();
        figures.blame(&format!("build {round}, after select"), &faults);
    }
}

/// Starts a build, and waits until it begins to put its files in place: the sidecar is the first that the commit makes.
fn until_ready(shop: &Workshop, image: &str, round: usize) -> Child {
    let mut command = shop.dibber();
    command.args(shop.arguments(image)).args(["--env", &format!("ROUND={round}")]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("start");
    let ready = shop.out().join(".dibber-x86_64-good/x86_64-good.raw.json");
    while !ready.exists() && child.try_wait().expect("wait").is_none() {
        std::thread::sleep(Duration::from_micros(200));
    }
    child
}

/// How long this machine takes to put the files in place, and a tenth more, in microseconds.
fn span(shop: &Workshop, image: &str) -> u64 {
    let id = || sets::images(&shop.out())["images"][0]["id"].to_string();
    let before = id();
    let mut child = until_ready(shop, image, 0x5eed);
    let begin = Instant::now();
    while id() == before && child.try_wait().expect("wait").is_none() {}
    let took = begin.elapsed();
    child.wait().expect("wait");
    u64::try_from(took.as_micros()).map_or(u64::MAX, |micros| micros * 11 / 10)
}
