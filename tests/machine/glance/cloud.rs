//! A real Glance on loopback, and the way to it.
//!
//! In: Debian's Glance (`glance-common`: the program without its service), its own paste file, sqlite and a file store in a directory of the test's. Out: its port, and what it
//! holds, as curl sees it. Never: the machine's own Glance; a process left behind.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use dibber_tests::accepts;

/// Ends a process when the test ends, in whichever way.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A Glance that runs.
pub(crate) struct Glance {
    pub(crate) home: tempfile::TempDir,
    pub(crate) port: u16,
    _process: Ended,
}

/// The way to it, and the log of what went over it.
pub(crate) struct Way {
    pub(crate) port: u16,
    log: PathBuf,
    _process: Ended,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its number").port()
}

fn configuration(home: &Path, port: u16) -> PathBuf {
    let path = home.join("glance-api.conf");
    let here = home.display();
    let text = format!(
        "[DEFAULT]\nbind_host = 127.0.0.1\nbind_port = {port}\nworkers = 0\nlog_file = {here}/log\n\
         [database]\nconnection = sqlite:///{here}/glance.sqlite\n\
         [glance_store]\nstores = file\ndefault_store = file\nfilesystem_store_datadir = {here}/images\n\
         [oslo_concurrency]\nlock_path = {here}/lock\n\
         [paste_deploy]\nconfig_file = /usr/share/glance-common/glance-api-paste.ini\n"
    );
    fs::write(&path, text).expect("write the configuration");
    path
}

/// An empty database of Glance's, made once: that takes longer than to start Glance.
fn empty_database() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("glance-{}", std::process::id()));
        fs::create_dir_all(&home).expect("make a directory");
        let configuration = configuration(&home, 0);
        accepts("glance-manage", &["--config-file", configuration.to_str().expect("UTF-8"), "db_sync"]);
        home.join("glance.sqlite")
    })
}

impl Glance {
    pub(crate) fn start() -> Glance {
        let home = tempfile::tempdir().expect("a directory");
        fs::copy(empty_database(), home.path().join("glance.sqlite")).expect("copy the database");
        fs::create_dir(home.path().join("images")).expect("make the store");
        let port = free_port();
        let out = fs::File::create(home.path().join("out")).expect("create");
        let process = Command::new("/usr/bin/python3")
            .args(["-c", "from glance.cmd.api import main; main()"])
            .arg("--config-file")
            .arg(configuration(home.path(), port))
            .stdout(out.try_clone().expect("clone"))
            .stderr(out)
            .spawn()
            .unwrap_or_else(|e| panic!("python3: {e}; scripts/test installs it"));
        let glance = Glance { home, port, _process: Ended(process) };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(90), "{}", glance.said());
            sleep(Duration::from_millis(50));
        }
        glance
    }

    fn said(&self) -> String {
        ["out", "log"]
            .map(|file| fs::read_to_string(self.home.path().join(file)).unwrap_or_default())
            .concat()
    }

    fn curl(&self, path: &str) -> String {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        accepts("curl", &["--noproxy", "*", "-sSf", "--max-time", "60", &url])
    }

    /// Every image, as Glance describes it, sorted by name.
    pub(crate) fn images(&self) -> Vec<Value> {
        let page: Value = serde_json::from_str(&self.curl("/v2/images?limit=100")).expect("JSON");
        let mut images = page["images"].as_array().expect("a list").clone();
        images.sort_by_key(|image| image["name"].as_str().unwrap_or_default().to_string());
        images
    }

    /// The one image of a name.
    #[track_caller]
    pub(crate) fn image(&self, name: &str) -> Value {
        let mut found: Vec<Value> = self.images().into_iter().filter(|image| image["name"] == name).collect();
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        found.remove(0)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.images().iter().map(|image| image["name"].as_str().expect("a name").to_string()).collect()
    }

    /// What `sha512sum` says of an image's data, downloaded.
    pub(crate) fn sha512_of_data(&self, id: &str) -> String {
        let file = self.home.path().join("download");
        let url = format!("http://127.0.0.1:{}/v2/images/{id}/file", self.port);
        let path = file.to_str().expect("UTF-8");
        accepts("curl", &["--noproxy", "*", "-sSf", "--max-time", "60", "-o", path, &url]);
        let said = accepts("sha512sum", &[path]);
        said.split_whitespace().next().expect("a sum").to_string()
    }

    /// How many files the store holds.
    pub(crate) fn stored(&self) -> usize {
        fs::read_dir(self.home.path().join("images")).expect("the store").count()
    }

    /// A way to it; see way.py for what can be asked of that.
    pub(crate) fn way(&self, mut asked: Value) -> Way {
        let (file, log) =
            tempfile::NamedTempFile::new_in(self.home.path()).expect("a log").keep().expect("kept");
        drop(file);
        asked["glance"] = self.port.into();
        asked["log"] = log.to_str().expect("UTF-8").into();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/machine/glance/way.py");
        let process =
            Command::new("python3").arg(script).arg(asked.to_string()).stdout(Stdio::piped()).spawn();
        let mut process = Ended(process.unwrap_or_else(|e| panic!("python3: {e}; scripts/test installs it")));
        let mut line = String::new();
        let out = process.0.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut line).expect("its port");
        Way { port: line.trim().parse().expect("a port"), log, _process: process }
    }
}

impl Way {
    /// The requests that went over it: `GET /v2/images?...`.
    pub(crate) fn requests(&self) -> Vec<String> {
        fs::read_to_string(&self.log).unwrap_or_default().lines().map(str::to_string).collect()
    }

    /// Those that are no GETs.
    pub(crate) fn changes(&self) -> Vec<String> {
        self.requests().into_iter().filter(|request| !request.starts_with("GET ")).collect()
    }
}

/// Writes a file, and tells its SHA-256 and SHA-512 as the machine's own tools see them.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> (String, String) {
    fs::File::create(path).and_then(|mut file| file.write_all(bytes)).expect("write");
    let path = path.to_str().expect("UTF-8");
    let sum = |tool| accepts(tool, &[path]).split_whitespace().next().expect("a sum").to_string();
    (sum("sha256sum"), sum("sha512sum"))
}
