//! A place to build in: elements, image files, a cache, outputs and the program, for root or for an ordinary user. Where an ordinary
//! user runs the tests, that user is everybody.
//!
//! In: elements and image files as texts. Out: what the program said and left. Never: the network; a place that others use.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Once;

use dibber_model::Digest;

use crate::{accepts, program, waiting};

/// The ordinary user that tests build as.
pub const USER: &str = "dibber-trial";

/// A variable in the environment of every process of a workshop: its value tells them from all others.
const TOKEN: &str = "DIBBER_TRIAL";

/// What names of places begin with; the number of their process follows.
const PLACE: &str = "dibber-trial-";

/// A directory with everything that a build needs, and the person who builds.
pub struct Workshop {
    user: Option<&'static str>,
    home: tempfile::TempDir,
}

/// What the program said.
#[derive(Debug)]
pub struct Told {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Told {
    fn of(output: &Output) -> Told {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Told { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Fails the test unless all went well.
    #[track_caller]
    pub fn well(self) -> Told {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }

    /// Fails the test unless the program ended with this code and said all of these.
    #[track_caller]
    pub fn refuses(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        // Drawn excerpts break their lines where the terminal would.
        let said = self.err.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(said.contains(word), "no `{word}` in:\n{}", self.err);
        }
        assert!(!said.contains("panicked"), "{}", self.err);
    }

    /// Of `--json`: the lines of one event, as `PHASE/NAME` for those about steps.
    pub fn steps(&self, event: &str) -> Vec<String> {
        let lines =
            self.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_string();
        lines
            .filter(|value| value["event"] == event)
            .map(|value| format!("{}/{}", text(&value["phase"]), text(&value["name"])))
            .collect()
    }
}

impl Workshop {
    /// Root's.
    pub fn new() -> Workshop {
        Workshop::of(None)
    }

    /// Somebody's; `None` is root.
    pub fn of(user: Option<&'static str>) -> Workshop {
        Workshop::with(&program(), user)
    }

    /// The same with this program.
    pub fn with(program: &Path, user: Option<&'static str>) -> Workshop {
        let user = user.filter(|_| rustix::process::geteuid().is_root());
        let home = place();
        install(program, &home.path().join("dibber"));
        let shop = Workshop { user, home };
        let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/elements/tiny-os");
        fs::create_dir(shop.at("elements")).expect("make a directory");
        accepts("cp", &["-r", tiny, shop.text("elements").as_str()]);
        accepts("chmod", &["-R", "a+rX", shop.text("elements").as_str()]);
        fs::create_dir(shop.at("work")).expect("make a directory");
        set_mode(&shop.at("work"), 0o755);
        if let Some(user) = user {
            make_user();
            accepts("chown", &["-R", user, shop.text("work").as_str()]);
        }
        shop
    }

    /// A path in it. `work` is the person's own: cache and outputs are in there.
    pub fn at(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// The same, as an argument.
    pub fn text(&self, path: &str) -> String {
        self.at(path).to_str().expect("UTF-8").to_string()
    }

    /// Where outputs go.
    pub fn out(&self) -> PathBuf {
        self.at("work/out")
    }

    /// Where caches go.
    pub fn cache(&self) -> PathBuf {
        self.at("work/cache")
    }

    /// Writes an element's file; what begins with `#!` is executable.
    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.at("elements").join(path);
        fs::create_dir_all(path.parent().expect("elements/")).expect("make a directory");
        fs::write(&path, text).expect("write a file");
        set_mode(&path, if text.starts_with("#!") { 0o755 } else { 0o644 });
        let above = path.ancestors().skip(1).take_while(|dir| *dir != self.at("elements"));
        above.for_each(|dir| set_mode(dir, 0o755));
        path
    }

    /// Writes an element's hook: a bash script that stops at the first failure.
    pub fn hook(&self, path: &str, lines: &str) -> PathBuf {
        self.write(path, &format!("#!/bin/bash\nset -eu -o pipefail\n{lines}\n"))
    }

    /// Writes an image file, `NAME.yaml`: a bare filesystem of the tiny operating system, but for these keys.
    pub fn image(&self, name: &str, keys: &[(&str, &str)]) -> String {
        let mut all = BTreeMap::from([
            ("arch", "x86_64"),
            ("elements", "[tiny-os]"),
            ("skip_base", "true"),
            ("layout", "partition"),
            ("outputs", "[raw]"),
            ("size", "24MiB"),
            ("mkfs", "{journal: 4MiB}"),
        ]);
        all.extend(keys.iter().copied());
        let lines: String = all.iter().map(|(key, value)| format!("    {key}: {value}\n")).collect();
        self.file(&format!("{name}.yaml"), &format!("disk_images:\n  - imagename: {name}\n{lines}"))
    }

    /// Writes a file that the person can read; its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.at(name);
        fs::write(&path, text).expect("write a file");
        set_mode(&path, 0o644);
        self.text(name)
    }

    /// The program, as the person starts it.
    pub fn dibber(&self) -> Command {
        self.wrapped(&[])
    }

    /// The program, started by another one: `["strace", "-f"]`.
    pub fn wrapped(&self, by: &[&str]) -> Command {
        let person = match self.user {
            None => Vec::new(),
            Some(user) => vec!["setpriv", "--reuid", user, "--regid", user, "--init-groups"],
        };
        let program = self.text("dibber");
        let words: Vec<&str> =
            person.into_iter().chain(by.iter().copied()).chain([program.as_str()]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(self.at("work")).env_clear();
        command.env("PATH", self.path()).env("HOME", self.home_of_person());
        command.env(TOKEN, self.mark()).env("DIBBER_CACHE", self.cache());
        command
    }

    /// What [`TOKEN`] is here: no path, which hooks would be given the file of.
    fn mark(&self) -> String {
        self.home.path().display().to_string().trim_start_matches('/').to_string()
    }

    /// `PATH`: the caller's, but for another person, who need not be able to run what root has at home.
    fn path(&self) -> std::ffi::OsString {
        match self.user {
            Some(_) => "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
            None => std::env::var_os("PATH").unwrap_or_default(),
        }
    }

    fn home_of_person(&self) -> PathBuf {
        match self.user {
            Some(user) => Path::new("/home").join(user),
            None if rustix::process::geteuid().is_root() => "/root".into(),
            None => self.at("work"),
        }
    }

    /// Arguments of a build of an image file of this workshop.
    pub fn arguments(&self, image: &str) -> Vec<String> {
        let (elements, out) = (self.text("elements"), self.text("work/out"));
        let mark = format!("{TOKEN}={}", self.mark());
        let words = [
            "build",
            image,
            "--elements-path",
            &elements,
            "-o",
            &out,
            "--source-date-epoch",
            "1700000000",
            "--env",
            &mark,
        ];
        words.map(String::from).into()
    }

    /// Builds.
    pub fn build(&self, image: &str, more: &[&str]) -> Told {
        run(self.dibber().args(self.arguments(image)).args(more))
    }

    /// Runs another command of the program.
    pub fn run(&self, arguments: &[&str]) -> Told {
        run(self.dibber().args(arguments))
    }

    /// Every name in the output directory with what is in it, hidden ones included.
    pub fn outputs(&self) -> BTreeMap<String, Digest> {
        contents(&self.out())
    }

    /// Processes of this workshop's builds, hooks included: `PID COMMAND`.
    pub fn processes(&self) -> Vec<String> {
        let token = format!("{TOKEN}={}", self.mark());
        let entries = fs::read_dir("/proc").expect("read /proc").flatten();
        let ours = entries.filter(|entry| {
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|pair| pair == token.as_bytes())
        });
        ours.map(|entry| {
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            format!(
                "{} {}",
                entry.file_name().display(),
                String::from_utf8_lossy(&command).replace('\0', " ")
            )
        })
        .collect()
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        remove_mapped(&self.at("work"));
    }
}

impl Default for Workshop {
    fn default() -> Self {
        Workshop::new()
    }
}

/// A workshop in which an image, `good`, was built, and what that left.
pub struct Earlier {
    /// The workshop.
    pub shop: Workshop,
    before: BTreeMap<String, Digest>,
}

impl Earlier {
    /// Builds it, as root or as somebody.
    pub fn of(user: Option<&'static str>) -> Earlier {
        let shop = Workshop::of(user);
        let good = shop.image("good", &[]);
        shop.build(&good, &[]).well();
        let mut before = shop.outputs();
        before.retain(|name, _| !name.ends_with(".log"));
        assert!(before.contains_key("good.raw") && before.contains_key("images.json"), "{before:?}");
        Earlier { shop, before }
    }

    /// Fails the test unless the output directory is as it was, but for logs: no stage, no half of a file.
    #[track_caller]
    pub fn is_untouched(&self) {
        let mut now = self.shop.outputs();
        now.retain(|name, _| !name.ends_with(".log"));
        assert_eq!(now, self.before);
        assert_eq!(self.shop.processes(), [""; 0]);
    }

    /// Fails the test unless the program ended so, and left everything as it was.
    #[track_caller]
    pub fn refuses(&self, told: &Told, code: i32, words: &[&str]) {
        told.refuses(code, words);
        self.is_untouched();
    }
}

/// A new directory that everybody can pass, on a file system that can hold overlay layers. Those of processes that are gone are
/// removed: who is killed leaves gigabytes.
pub fn place() -> tempfile::TempDir {
    static SWEPT: Once = Once::new();
    let above = if rustix::process::geteuid().is_root() { "/var/lib" } else { "/var/tmp" };
    SWEPT.call_once(|| sweep(Path::new(above)));
    let name = format!("{PLACE}{}.", std::process::id());
    let place = tempfile::Builder::new().prefix(&name).tempdir_in(above);
    let place = place.unwrap_or_else(|e| panic!("make a directory in {above}: {e}"));
    set_mode(place.path(), 0o755);
    place
}

/// Removes the places of processes that are gone.
fn sweep(above: &Path) {
    for entry in fs::read_dir(above).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process =
            name.strip_prefix(PLACE).and_then(|rest| rest.split_once('.')).map(|(process, _)| process);
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            remove_mapped(&entry.path());
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Files of subordinate ids are not a user's to remove, but root's of a namespace that has them.
fn remove_mapped(dir: &Path) {
    if !rustix::process::geteuid().is_root() {
        let script = "rm -rf \"$1\"/*";
        let _ = Command::new("unshare")
            .args(["--map-root-user", "--map-auto", "sh", "-c", script, "sh"])
            .arg(dir)
            .status();
    }
}

/// Puts the program there, for everybody. A link where it can be: the program is large. A clone of somebody with a strict umask
/// has programs for nobody else; they are copied.
fn install(program: &Path, at: &Path) {
    let mode = fs::metadata(program).expect("the program is built").permissions().mode();
    let linked = mode & 0o005 == 0o005 && fs::hard_link(program, at).is_ok();
    if !linked {
        fs::copy(program, at).expect("copy the program");
        set_mode(at, 0o755);
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("set a mode");
}

/// Runs a command of the program.
pub fn run(command: &mut Command) -> Told {
    Told::of(&waiting::output(command))
}

/// Every name below a directory with what is in it.
pub fn contents(dir: &Path) -> BTreeMap<String, Digest> {
    let mut found = BTreeMap::new();
    let mut left = vec![dir.to_path_buf()];
    while let Some(at) = left.pop() {
        for entry in fs::read_dir(&at).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(dir).expect("below").display().to_string();
            let kind = entry.file_type().expect("kind");
            // A fifo would be waited for; a link is what it says, wherever it leads.
            let bytes = match () {
                () if kind.is_file() => fs::read(&path).unwrap_or_default(),
                () if kind.is_symlink() => {
                    fs::read_link(&path).unwrap_or_default().into_os_string().into_encoded_bytes()
                }
                () => Vec::new(),
            };
            found.insert(name, Digest::of(&bytes));
            if kind.is_dir() {
                left.push(path);
            }
        }
    }
    found
}

/// A directory of programs that has all of `PATH`'s but one.
pub fn path_without(shop: &Workshop, program: &str) -> PathBuf {
    let dir = shop.at(&format!("without-{program}"));
    fs::create_dir(&dir).expect("make a directory");
    set_mode(&dir, 0o755);
    for from in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
        for entry in fs::read_dir(from).into_iter().flatten().flatten() {
            if entry.file_name() != program {
                // Earlier directories win, as in PATH.
                let _ = symlink(entry.path(), dir.join(entry.file_name()));
            }
        }
    }
    dir
}

/// The same numbers in every run: xorshift64*, from a seed.
pub struct Numbers(pub u64);

impl Numbers {
    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % end
    }
}

fn make_user() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if !fs::read_to_string("/etc/passwd").expect("read passwd").contains(USER) {
            accepts("useradd", &["--create-home", USER]);
        }
    });
}
