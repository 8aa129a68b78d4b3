//! Trees captured from disk, against what find, sha256sum and getfattr say of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may say so by a panic")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;

use dibber_engine::capture::{CaptureOptions, Rule, capture, rules};
use dibber_fs::Dir;
use dibber_model::{Kind, Source, Timestamp, Tree};
use dibber_plan::{DeclaredNode, NodeKind};
use dibber_tests::{accepts, dump, in_namespace, listing};

const NEVER: Timestamp = Timestamp::from_secs(i64::MAX);

fn options<'a>(sanitize: &'a [Rule], nodes: &'a [DeclaredNode]) -> CaptureOptions<'a> {
    CaptureOptions { epoch: NEVER, sanitize, nodes }
}

fn text(root: &Path, options: &CaptureOptions<'_>) -> String {
    let (tree, files) = capture(&Dir::open(root).unwrap(), options).unwrap();
    dump(&tree, |file| files.open(file).unwrap())
}

/// One file of each kind that a tree of a user namespace can hold.
fn make(dir: &Path, name: &str) {
    let path = &dir.join(name);
    let shown = path.to_str().unwrap();
    let write = |bytes: &[u8]| fs::write(path, bytes).unwrap();
    match name {
        "big" => write(&[7; 300_000]),
        "capable" => {
            write(b"program");
            accepts("setcap", &["cap_net_raw+ep", shown]);
        }
        "empty" => write(b""),
        "exact" => write(&[1; 4096]),
        "exact+1" => write(&[1; 4097]),
        "fifo" => drop(accepts("mkfifo", &[shown])),
        "link" => symlink("nowhere/at all", path).unwrap(),
        "listed" => {
            write(b"for some");
            accepts("setfacl", &["-m", "u:33:rw,g:44:r", shown]);
        }
        "odd n\u{e4}me" => write(b"x"),
        "owned" => {
            write(b"x");
            std::os::unix::fs::chown(path, Some(1000), Some(65_534)).unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o6751)).unwrap();
        }
        "secret" => {
            write(b"root only");
            fs::set_permissions(path, Permissions::from_mode(0o000)).unwrap();
        }
        "sparse" => {
            let file = File::create(path).unwrap();
            file.write_all_at(b"middle", 1 << 20).unwrap();
            file.set_len(4 << 20).unwrap();
        }
        "tagged" => {
            write(b"x");
            accepts("setfattr", &["-n", "user.two", "-v", "2", shown]);
            accepts("setfattr", &["-n", "user.one", "-v", &"1".repeat(700), shown]);
        }
        _ => {
            write(&[2; 9000]);
            fs::hard_link(path, dir.join("also twin")).unwrap();
        }
    }
}

const NAMES: [&str; 14] = [
    "big",
    "capable",
    "empty",
    "exact",
    "exact+1",
    "fifo",
    "link",
    "listed",
    "odd n\u{e4}me",
    "owned",
    "secret",
    "sparse",
    "tagged",
    "twin",
];

/// The same tree, made in either order.
fn fill(root: &Path, backwards: bool) {
    let mut names = NAMES;
    let mut dirs = ["a", "a/b/c", "z"];
    if backwards {
        names.reverse();
        dirs.reverse();
    }
    for dir in dirs {
        let dir = root.join(dir);
        fs::create_dir_all(&dir).unwrap();
        names.iter().for_each(|name| make(&dir, name));
    }
    date(root);
}

fn date(path: &Path) {
    let time = "2020-02-02 02:02:02.020202020 UTC";
    accepts("find", &[path.to_str().unwrap(), "-exec", "touch", "-h", "-d", time, "{}", "+"]);
}

#[test]
fn a_capture_is_what_find_sees_whatever_the_order_of_creation() {
    if !in_namespace("capture::a_capture_is_what_find_sees_whatever_the_order_of_creation") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let (one, two) = (scratch.path().join("one"), scratch.path().join("two"));
    for (root, backwards) in [(&one, false), (&two, true)] {
        fs::create_dir(root).unwrap();
        fill(root, backwards);
    }
    let seen = listing(&one);
    for feature in [
        "@security.capability\t0100000200",
        "@system.posix_acl_access",
        "@user.one",
        "\tare one",
        "\t6751\t1000\t65534",
    ] {
        assert!(seen.contains(feature), "the oracle does not see {feature}:\n{seen}");
    }
    let captured = text(&one, &options(&[], &[]));
    assert_eq!(captured, seen);
    assert_eq!(captured, text(&two, &options(&[], &[])));
    // Ids, which writers follow, are in one order too.
    let walk = |root: &Path| capture(&Dir::open(root).unwrap(), &options(&[], &[])).unwrap().0.walk();
    assert_eq!(walk(&one), walk(&two));

    // The broken twin: one other byte, at the same time.
    let mut bytes = vec![7; 300_000];
    bytes[200_000] = 8;
    fs::write(two.join("a/big"), bytes).unwrap();
    date(&two.join("a/big"));
    assert_ne!(captured, text(&two, &options(&[], &[])));
}

fn data(tree: &Tree, path: &str) -> (u64, Vec<std::ops::Range<u64>>) {
    match &tree.inode(tree.lookup(path.as_bytes()).unwrap()).kind {
        Kind::File(content) => (content.len, content.data.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn holes_are_found_by_content() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let file = File::create(root.join("sparse")).unwrap();
    file.set_len(10 << 20).unwrap();
    file.write_all_at(b"x", (1 << 20) + 5).unwrap();
    // Zeros that were written are on disk, yet are no data in a file that has holes.
    file.write_all_at(&[0; 64 << 10], 3 << 20).unwrap();
    file.write_all_at(b"end", (10 << 20) - 3).unwrap();
    File::create(root.join("void")).unwrap().set_len(1 << 30).unwrap();
    fs::write(root.join("full"), vec![1; 5000]).unwrap();
    let (tree, files) = capture(&Dir::open(root).unwrap(), &options(&[], &[])).unwrap();
    let mib = 1 << 20;
    assert_eq!(data(&tree, "sparse"), (10 * mib, vec![mib..mib + 4096, 10 * mib - 4096..10 * mib]));
    assert_eq!(data(&tree, "void"), (1 << 30, vec![]));
    assert_eq!(data(&tree, "full").1.first(), Some(&(0..5000)));
    let Kind::File(content) = &tree.inode(tree.lookup(b"sparse").unwrap()).kind else { panic!("no file") };
    let Source::File(id) = content.source else { panic!("a large file is not in memory") };
    assert_eq!(files.name(id), Path::new("/sparse"));
    fs::rename(root.join("sparse"), root.join("other")).unwrap();
    assert!(files.open(id).is_err());
    assert!(files.open(dibber_model::FileRef(99)).is_err());
}

#[test]
fn times_are_clamped_and_volatile_files_go() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    for (path, text) in [
        ("var/log/apt/term.log", "built at noon"),
        ("var/log/dpkg.log.1", "built before"),
        ("var/lib/apt/lists/deb.debian.org_Packages", "..."),
        ("var/cache/apt/archives/a.deb", "..."),
        ("var/cache/ldconfig/aux-cache", "..."),
        ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
        ("etc/ssh/ssh_host_ed25519_key", "key"),
        ("etc/ssh/sshd_config", "Port 22\n"),
        ("etc/hostname", "builder\n"),
        ("tmp/deep/er/file", "x"),
        ("run/lock/x", ""),
    ] {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), text).unwrap();
    }
    accepts("touch", &["-d", "@1000", root.join("etc/ssh/sshd_config").to_str().unwrap()]);
    let mut sanitize = rules::volatile();
    let hostname = rules::Treatment::Write(b"overcloud\n".as_slice().into());
    sanitize.push(Rule {
        pattern: "etc/hostname".into(),
        treatment: hostname,
        why: "the image's own".into(),
    });
    let epoch = Timestamp::from_secs(1_700_000_000);
    let (tree, _) =
        capture(&Dir::open(root).unwrap(), &CaptureOptions { epoch, sanitize: &sanitize, nodes: &[] })
            .unwrap();
    let paths: Vec<String> =
        tree.walk().into_iter().map(|(path, _)| String::from_utf8(path).unwrap()).collect();
    let expected = "\netc\netc/hostname\netc/machine-id\netc/ssh\netc/ssh/sshd_config\nrun\ntmp\nvar\nvar/cache\n\
        var/cache/apt\nvar/cache/apt/archives\nvar/cache/ldconfig\nvar/lib\nvar/lib/apt\nvar/lib/apt/lists\nvar/log\n\
        var/log/apt\nvar/log/apt/term.log";
    assert_eq!(paths.join("\n"), expected);
    let text = |path: &str| match &tree.inode(tree.lookup(path.as_bytes()).unwrap()).kind {
        Kind::File(dibber_model::Content { source: Source::Inline(bytes), .. }) => {
            String::from_utf8(bytes.to_vec()).unwrap()
        }
        other => panic!("{path}: {other:?}"),
    };
    assert_eq!(text("etc/machine-id"), "uninitialized\n");
    assert_eq!(text("etc/hostname"), "overcloud\n");
    assert_eq!(text("var/log/apt/term.log"), "");
    let time = |path: &str| tree.inode(tree.lookup(path.as_bytes()).unwrap()).meta.mtime;
    assert_eq!(time("etc/ssh/sshd_config"), Timestamp::from_secs(1000));
    assert_eq!(time("etc/hostname"), epoch);
    assert_eq!(
        fs::read_to_string(root.join("etc/hostname")).unwrap(),
        "builder\n",
        "the disk stays as it was"
    );
}

#[test]
fn declared_nodes_and_labels_are_added() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    fs::create_dir(root.join("dev")).unwrap();
    let node = |path: &str, what| DeclaredNode { path: path.to_string(), what };
    let console = NodeKind::Char { major: 5, minor: 1, mode: 0o600 };
    let label = NodeKind::SelinuxLabel("system_u:object_r:device_t:s0".to_string());
    let nodes = [node("/dev/console", console.clone()), node("/dev", label)];
    let said = text(root, &options(&[], &nodes));
    assert!(said.contains("dev/console\tc\t600\t0\t0\t"), "{said}");
    assert!(said.contains("5:1") && said.contains("dev\t@security.selinux\t73797374656d"), "{said}");
    for (bad, why) in [
        (node("/no/console", console.clone()), "directory does not exist"),
        (node("/dev", console), "is there already"),
        (node("/no", NodeKind::SelinuxLabel(String::new())), "no such file"),
    ] {
        let said = capture(&Dir::open(root).unwrap(), &options(&[], &[bad])).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn what_is_mounted_in_the_tree_is_not_captured() {
    if !in_namespace("capture::what_is_mounted_in_the_tree_is_not_captured") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    fs::create_dir_all(root.join("proc/under")).unwrap();
    let tree = root.to_str().unwrap();
    // The tree must be a mount of its own, as the merged one is.
    accepts("mount", &["--bind", tree, tree]);
    accepts("mount", &["-t", "tmpfs", "none", root.join("proc").to_str().unwrap()]);
    fs::write(root.join("proc/over"), "").unwrap();
    let said = text(root, &options(&[], &[]));
    accepts("umount", &["-R", tree]);
    assert!(said.contains("proc/under\td") && !said.contains("proc/over"), "{said}");
}
