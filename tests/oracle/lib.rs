//! Foreign programs as judges, and the few lines that put an image before them.
//!
//! In: extents and command lines. Out: files, and what a program said of them. Never: a skipped check: a program that is
//! not installed fails the test, with the package that has it.

pub mod archive;
pub mod blows;
pub mod craft;
pub mod disks;
pub mod meeting;
pub mod served;
pub mod sets;
pub mod volumes;
pub mod waiting;
pub mod workshop;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dibber_export::{Files, Stamp};
use dibber_model::{Extents, FileRef, Piece};

/// Writes extents to a sparse file, plainly and on one thread; `files[n]` is what `FileRef(n)` stands for.
pub fn write_image(extents: &Extents, files: &[PathBuf], path: &Path) {
    let image = File::create(path).expect("create image");
    image.set_len(extents.len()).expect("size image");
    for extent in extents.iter() {
        match &extent.piece {
            Piece::Bytes { buffer, range } => {
                image.write_all_at(&buffer[range.clone()], extent.at).expect("write");
            }
            Piece::Fill { byte, len } => {
                let fill = vec![*byte; 1 << 16];
                let mut done = 0;
                while done < *len {
                    let now = (*len - done).min(fill.len() as u64);
                    image.write_all_at(&fill[..now as usize], extent.at + done).expect("write");
                    done += now;
                }
            }
            Piece::File { file, offset, len } => {
                let source = File::open(&files[file.0 as usize]).expect("open source");
                let mut bytes = vec![0; *len as usize];
                source.read_exact_at(&mut bytes, *offset).expect("read source");
                image.write_all_at(&bytes, extent.at).expect("write");
            }
        }
    }
}

/// One file on disk, under every number.
pub struct OneFile(pub PathBuf);

impl Files for OneFile {
    fn open(&self, _: FileRef) -> io::Result<File> {
        File::open(&self.0)
    }
    fn name(&self, _: FileRef) -> PathBuf {
        self.0.clone()
    }
    fn stamp(&self, _: FileRef) -> Option<Stamp> {
        None
    }
}

/// The program under test, built beside the tests.
pub fn program() -> PathBuf {
    std::env::current_exe()
        .expect("tests are files")
        .parent()
        .and_then(Path::parent)
        .expect("target/release/deps")
        .join("dibber")
}

/// Runs a program; a program that is missing fails the test by name.
pub fn run(program: &str, args: &[&str]) -> Output {
    waiting::output(Command::new(program).args(args).env("LC_ALL", "C"))
}

/// Runs a program that must succeed, and tells what it printed (standard output, then standard error).
pub fn accepts(program: &str, args: &[&str]) -> String {
    let output = run(program, args);
    let said = said(&output);
    assert!(output.status.success(), "{program} {} failed with {}:\n{said}", args.join(" "), output.status);
    said
}

/// Runs a program that must object, and tells what it printed.
pub fn objects(program: &str, args: &[&str]) -> String {
    let output = run(program, args);
    let said = said(&output);
    assert!(!output.status.success(), "{program} {} did not object:\n{said}", args.join(" "));
    said
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Flips one bit of a file: what a broken twin is made with.
pub fn flip_bit(path: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(path).expect("open image");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("read byte");
    file.write_all_at(&[byte[0] ^ 1], at).expect("write byte");
}

/// Runs the calling test, of that name with its modules, once more inside new user and mount namespaces, as root of 65,536 ids that are not
/// the host's. True in the inner run, false (and the inner run succeeded) in the outer.
pub fn in_namespace(test: &str) -> bool {
    const INSIDE: &str = "DIBBER_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == test) {
        return true;
    }
    // A copy that every id may run: a clone of somebody with a strict umask has programs for nobody else.
    let place = tempfile::tempdir().expect("make a directory");
    let exe = place.path().join("test");
    std::fs::copy(std::env::current_exe().expect("own path"), &exe).expect("copy this test");
    for path in [place.path(), &exe] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, mode).expect("open it to everyone");
    }
    let mut command =
        if rustix::process::getuid().is_root() { Command::new("nsenter") } else { Command::new("unshare") };
    let holder = rustix::process::getuid().is_root().then(Holder::new);
    match &holder {
        Some(Holder(child)) => {
            command.args(["-t", &child.id().to_string(), "-U", "-m", "-S", "0", "-G", "0", "--wd=/"])
        }
        None => command.args(["--map-root-user", "--map-auto", "-m"]),
    };
    let output = command.arg(exe).args(["--exact", test, "--nocapture"]).env(INSIDE, test).output();
    let output = output.unwrap_or_else(|e| panic!("nsenter or unshare (util-linux): {e}"));
    let said = said(&output);
    print!("{said}");
    assert!(
        output.status.success() && said.contains("1 passed"),
        "in the namespace: {}\n{said}",
        output.status
    );
    false
}

/// A process that holds namespaces open, whose ids root mapped.
struct Holder(std::process::Child);

impl Holder {
    fn new() -> Self {
        let child = Command::new("unshare").args(["-U", "-m", "sleep", "600"]).spawn().expect("unshare");
        let ns = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
        let id = child.id().to_string();
        while ns(&id).is_none() || ns(&id) == ns("self") {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        for map in ["uid_map", "gid_map"] {
            std::fs::write(format!("/proc/{id}/{map}"), "0 200000 65536").expect("map ids");
        }
        Holder(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `find`, `sha256sum` and `getfattr` say of a directory tree, in the lines that [`dump`] makes of a tree.
pub fn listing(root: &Path) -> String {
    let shell = |script: &str| {
        let output = Command::new("sh").args(["-euc", script]).current_dir(root).env("LC_ALL", "C").output();
        let output = output.expect("sh");
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let mut lines: Vec<String> = Vec::new();
    let mut links: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for line in shell(r"find . -mindepth 1 -printf '%P\t%y\t%m\t%U\t%G\t%T@\t%l\t%n\t%i\n'").lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        lines.push(fields[..7].join("\t"));
        if fields[1] != "d" && fields[7] != "1" {
            links.entry(fields[8].to_string()).or_default().push(fields[0].to_string());
        }
    }
    for mut names in links.into_values().filter(|names| names.len() > 1) {
        names.sort();
        lines.push(format!("{}\tare one", names.join("\t")));
    }
    for line in shell("find . -type f -exec sha256sum {} +").lines() {
        let (sum, path) = line.split_once("  ./").expect("sha256sum's line");
        lines.push(format!("{path}\tsha256\t{sum}"));
    }
    let mut path = "";
    for line in shell("getfattr -R -h -P -d -m - -e hex .").lines() {
        if let Some(file) = line.strip_prefix("# file: ") {
            path = file;
        } else if let Some((name, value)) =
            line.split_once('=').filter(|_| !line.starts_with("user.overlay."))
        {
            lines.push(format!(
                "{}\t@{name}\t{}",
                path.trim_start_matches("./"),
                value.trim_start_matches("0x")
            ));
        }
    }
    // The root's own attributes are not listed by `dump` either: a mount point's are those of the layer's directory.
    lines.retain(|line| !line.starts_with(".\t"));
    lines.sort();
    lines.join("\n")
}

/// A tree in canonical text: one line a name, one a content, one an attribute, one a group of hard links. Unlike `find`'s, this
/// lists holes nowhere: content is compared by what a reader sees.
pub fn dump(tree: &dibber_model::Tree, open: impl Fn(FileRef) -> File) -> String {
    use dibber_model::{Digest, Kind, Source};
    let mut lines = Vec::new();
    let mut names: std::collections::BTreeMap<u32, Vec<String>> = std::collections::BTreeMap::new();
    for (path, id) in tree.walk().into_iter().skip(1) {
        let path = String::from_utf8_lossy(&path).into_owned();
        let inode = tree.inode(id);
        let (letter, target) = match &inode.kind {
            Kind::Dir(_) => ('d', String::new()),
            Kind::File(_) => ('f', String::new()),
            Kind::Symlink(target) => ('l', String::from_utf8_lossy(target).into_owned()),
            Kind::BlockDev(rdev) => ('b', format!("{}:{}", rdev.major, rdev.minor)),
            Kind::CharDev(rdev) => ('c', format!("{}:{}", rdev.major, rdev.minor)),
            Kind::Fifo => ('p', String::new()),
            Kind::Socket => ('s', String::new()),
        };
        let dibber_model::Meta { mode, uid, gid, mtime, xattrs } = &inode.meta;
        lines.push(format!(
            "{path}\t{letter}\t{mode:o}\t{uid}\t{gid}\t{}.{:09}0\t{target}",
            mtime.secs, mtime.nanos
        ));
        for xattr in xattrs {
            let hex: String = xattr.value.iter().map(|b| format!("{b:02x}")).collect();
            lines.push(format!("{path}\t@{}\t{hex}", String::from_utf8_lossy(&xattr.name)));
        }
        if let Kind::File(content) = &inode.kind {
            let mut bytes = vec![0; content.len as usize];
            for range in &content.data {
                let range = range.start as usize..range.end as usize;
                match &content.source {
                    Source::Inline(held) => bytes[range.clone()].copy_from_slice(&held[range]),
                    Source::File(file) => open(*file)
                        .read_exact_at(&mut bytes[range.clone()], range.start as u64)
                        .expect("read"),
                }
            }
            lines.push(format!("{path}\tsha256\t{}", Digest::of(&bytes)));
        }
        names.entry(id.0).or_default().push(path);
    }
    for mut names in names.into_values().filter(|names| names.len() > 1) {
        names.sort();
        lines.push(format!("{}\tare one", names.join("\t")));
    }
    lines.sort();
    lines.join("\n")
}
