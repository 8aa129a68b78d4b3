//! A directory on loopback, by Python's own server.
//!
//! In: files that a test puts there. Out: an address, and what was asked for there. Never: an address that others reach.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The directory and who serves it.
pub struct Served {
    dir: tempfile::TempDir,
    server: Child,
    port: u16,
}

impl Served {
    /// An empty one.
    pub fn new() -> Served {
        let dir = tempfile::tempdir().expect("a directory");
        fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).expect("open it");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let log = fs::File::create(dir.path().join("log")).expect("a log");
        let server = Command::new("python3")
            .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", &port.to_string(), "--directory"])
            .arg(dir.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("python3 serves");
        let served = Served { dir, server, port };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return served;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the server did not start");
    }

    /// Where its files are.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How often the paths of what was asked for ended in this.
    pub fn asked(&self, end: &str) -> usize {
        let log = fs::read_to_string(self.dir.path().join("log")).expect("the log");
        log.lines().filter(|line| line.contains(&format!("{end} HTTP/"))).count()
    }
}

impl Default for Served {
    fn default() -> Self {
        Served::new()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
