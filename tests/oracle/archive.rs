//! A package archive on loopback: packages of one file, an index, a Release file that a made key signs.
//!
//! In: packages as name and text. Out: an address, and what was asked for there. Never: a key that anything else trusts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::accepts;
use crate::served::Served;

/// The archive, and the server that serves it.
pub struct Archive(Served);

/// A key that signs.
pub struct Key(tempfile::TempDir);

impl Key {
    /// A new one.
    pub fn new() -> Key {
        let key = Key(tempfile::tempdir().expect("a directory"));
        fs::set_permissions(key.0.path(), PermissionsExt::from_mode(0o700)).expect("close it");
        key.gpg(&["--passphrase", "", "--quick-gen-key", "trial@example.org", "ed25519", "sign", "never"]);
        key.gpg(&["--output", text(&key.public()), "--export"]);
        key
    }

    /// The file that says whom to trust.
    pub fn public(&self) -> PathBuf {
        self.0.path().join("public.gpg")
    }

    /// A text with its signature around it.
    pub fn signed(&self, plain: &str) -> String {
        let (from, to) = (self.0.path().join("plain"), self.0.path().join("signed"));
        fs::write(&from, plain).expect("write");
        self.gpg(&["--yes", "--output", text(&to), "--clearsign", text(&from)]);
        fs::read_to_string(to).expect("read")
    }

    fn gpg(&self, words: &[&str]) {
        accepts("gpg", &[&["--homedir", text(self.0.path()), "--batch", "--quiet"], words].concat());
    }
}

impl Default for Key {
    fn default() -> Self {
        Key::new()
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // Its agent ends when its directory does, at the latest.
        let _ = Command::new("gpgconf").args(["--homedir", text(self.0.path()), "--kill", "all"]).status();
    }
}

impl Archive {
    /// An empty one, served.
    pub fn new() -> Archive {
        Archive(Served::new())
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// How often the paths of what was asked for ended in this.
    pub fn asked(&self, end: &str) -> usize {
        self.0.asked(end)
    }

    /// Adds a package whose only file is `/NAME` with this text, and writes the index `main` of `suite`.
    pub fn add(&self, suite: &str, name: &str, word: &str) {
        let pool = self.0.dir().join("pool");
        fs::create_dir_all(&pool).expect("a directory");
        let deb = package(&pool, name, word);
        let sum = accepts("sha256sum", &[text(&deb)]);
        let index = self.0.dir().join("dists").join(suite).join("main/binary-amd64");
        fs::create_dir_all(&index).expect("a directory");
        let paragraph = format!(
            "{}Filename: pool/{}\nSize: {}\nSHA256: {}\n\n",
            control(name),
            deb.file_name().expect("a name").display(),
            fs::metadata(&deb).expect("a package").len(),
            &sum[..64],
        );
        let old = fs::read_to_string(index.join("Packages")).unwrap_or_default();
        fs::write(index.join("Packages"), old + &paragraph).expect("an index");
        self.release(suite, &self.release_text(suite));
    }

    /// What a Release file of this archive says.
    pub fn release_text(&self, suite: &str) -> String {
        let index = self.0.dir().join("dists").join(suite).join("main/binary-amd64/Packages");
        let bytes = fs::read(&index).unwrap_or_default();
        let sum = dibber_model::Digest::of(&bytes);
        format!(
            "Origin: trial\nSuite: {suite}\nCodename: {suite}\nDate: Sat, 06 Sep 2025 11:00:39 UTC\n\
             Architectures: amd64 all\nComponents: main\nSHA256:\n {sum} {} main/binary-amd64/Packages\n",
            bytes.len()
        )
    }

    /// Puts a Release file, signed or not.
    pub fn release(&self, suite: &str, text: &str) {
        let dir = self.0.dir().join("dists").join(suite);
        fs::create_dir_all(&dir).expect("a directory");
        for name in ["InRelease", "Release"] {
            fs::write(dir.join(name), text).expect("a Release file");
        }
    }
}

impl Default for Archive {
    fn default() -> Self {
        Archive::new()
    }
}

/// Makes `NAME_1_all.deb` in a directory. Texts of one length make packages of one length.
pub fn package(into: &Path, name: &str, word: &str) -> PathBuf {
    let tree = tempfile::tempdir().expect("a directory");
    fs::set_permissions(tree.path(), PermissionsExt::from_mode(0o755)).expect("open it");
    fs::create_dir(tree.path().join("DEBIAN")).expect("a directory");
    fs::write(tree.path().join("DEBIAN/control"), control(name) + "Description: trial\n").expect("control");
    fs::write(tree.path().join(name), word).expect("the file");
    // dpkg-deb keeps modes, and refuses some that a strict umask gives.
    accepts("chmod", &["-R", "u=rwX,go=rX", text(tree.path())]);
    let deb = into.join(format!("{name}_1_all.deb"));
    accepts("dpkg-deb", &["-Znone", "--root-owner-group", "-b", text(tree.path()), text(&deb)]);
    deb
}

fn control(name: &str) -> String {
    format!("Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: trial <trial@example.org>\n")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
