//! Layers and checkpoints: what overlayfs shows of them, and what is left of broken ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may say so by a panic")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use dibber_engine::capture::{CaptureOptions, capture};
use dibber_fs::Dir;
use dibber_model::{Bytes, Digest, Timestamp};
use dibber_store::layers::{Overlay, is_unchanged, squash};
use dibber_store::{
    Checkpoint, CheckpointMeta, Lookup, PruneLimits, Session, Store, StoreError, layers, squash_id,
};
use dibber_tests::{accepts, dump, in_namespace, listing};

/// Numbers that look random and are the same in each run (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

/// One random change below `root`, of few names so that changes meet.
fn change(root: &Path, numbers: &mut Numbers) {
    let names = ["a", "b", "c", "d"];
    let mut path = root.to_path_buf();
    for _ in 0..1 + numbers.below(3) {
        let below = path.join(names[numbers.below(4)]);
        if !fs::symlink_metadata(&below).is_ok_and(|meta| meta.is_dir()) {
            break;
        }
        path = below;
    }
    let (dir, path) = (path.clone(), path.join(names[numbers.below(4)]));
    match numbers.below(12) {
        0..=2 => {
            remove(&path);
            for below in ["a/b/c", "b/a", "c", "d/d"] {
                fs::create_dir_all(path.join(below)).unwrap();
                fs::write(path.join(below).join("e"), "in a new directory").unwrap();
            }
        }
        3 | 4 => remove(&path),
        5 => {
            remove(&path);
            fs::write(&path, vec![numbers.below(256) as u8; numbers.below(20_000)]).unwrap();
        }
        6 => {
            remove(&path);
            symlink("a/b", &path).unwrap();
        }
        7 => {
            remove(&path);
            fs::write(dir.join("e"), "twin").unwrap();
            fs::hard_link(dir.join("e"), &path).unwrap();
        }
        8 if path.is_dir() && !path.is_symlink() => {
            fs::set_permissions(&path, Permissions::from_mode(0o700 + numbers.below(64) as u32)).unwrap();
            accepts("setfattr", &["-n", "user.note", "-v", "x", path.to_str().unwrap()]);
        }
        9 => {
            remove(&path);
            let file = File::create(&path).unwrap();
            file.write_all_at(b"far", 1 << 20).unwrap();
            file.set_len(2 << 20).unwrap();
            std::os::unix::fs::chown(&path, Some(33), Some(44)).unwrap();
        }
        10 => {
            remove(&path);
            accepts("mkfifo", &[path.to_str().unwrap()]);
        }
        _ => {
            fs::write(dir.join("e"), "changed").unwrap();
            let to = dir.join("f");
            remove(&to);
            fs::rename(dir.join("e"), to).unwrap();
        }
    }
}

fn mounted<T>(lowers: &[PathBuf], at: &Path, look: impl FnOnce(&Path) -> T) -> T {
    let overlay = Overlay::mount_read_only(lowers, at).unwrap();
    let seen = look(overlay.path());
    overlay.unmount().unwrap();
    seen
}

#[test]
fn a_squash_shows_what_its_layers_showed() {
    if !in_namespace("store::a_squash_shows_what_its_layers_showed") {
        return;
    }
    let mut lines = 0;
    for seed in 1..=8 {
        let scratch = tempfile::tempdir().unwrap();
        let dir = |name: &str| scratch.path().join(name);
        fs::create_dir(dir("at")).unwrap();
        let mut numbers = Numbers(seed);
        let mut layers = Vec::new();
        for n in 0..6 {
            let upper = dir(&format!("layer-{n}"));
            let overlay = Overlay::mount(&layers, &upper, &dir("work"), &dir("at")).unwrap();
            for _ in 0..12 {
                change(overlay.path(), &mut numbers);
            }
            overlay.unmount().unwrap();
            dibber_store::remove_tree(&dir("work")).unwrap();
            layers.push(upper);
        }
        let seen = mounted(&layers, &dir("at"), listing);
        lines += seen.lines().count();
        let captured = mounted(&layers, &dir("at"), |at| {
            let epoch = Timestamp::from_secs(i64::MAX);
            let (tree, files) =
                capture(&Dir::open(at).unwrap(), &CaptureOptions { epoch, sanitize: &[], nodes: &[] })
                    .unwrap();
            dump(&tree, |file| files.open(file).unwrap())
        });
        assert_eq!(captured, seen, "the capture of the merged tree, seed {seed}");
        for (from, to) in [(0, 6), (0, 3), (1, 4), (2, 6), (5, 6)] {
            let into = dir(&format!("squash-{from}-{to}"));
            squash(&layers[from..to], &layers[..from], &into).unwrap();
            let mut stack = layers[..from].to_vec();
            stack.push(into.clone());
            stack.extend_from_slice(&layers[to..]);
            assert_eq!(mounted(&stack, &dir("at"), listing), seen, "seed {seed}, layers {from}..{to}");
            if from == 0 {
                // Nothing lies below: such a layer needs no overlayfs to be read, and has no whiteout.
                let whiteouts = accepts("find", &[into.to_str().unwrap(), "-type", "c"]);
                assert_eq!(whiteouts, "", "seed {seed}, layers {from}..{to}");
            }
        }
        // The broken twin: a squash that lost a layer is seen.
        let other = mounted(&layers[..5], &dir("at"), listing);
        assert_ne!(other, seen);
    }
    assert!(lines > 400, "{lines} lines are too few to say that trees are equal");
}

#[test]
fn three_hundred_layers_mount_and_an_untouched_one_is_told() {
    if !in_namespace("store::three_hundred_layers_mount_and_an_untouched_one_is_told") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let dir = |name: &str| scratch.path().join(name);
    let mut layers = Vec::new();
    for n in 0..300 {
        let layer =
            dir(&format!("a layer with a name as long as that of a checkpoint, to fill the page: {n:0100}"));
        fs::create_dir(&layer).unwrap();
        fs::set_permissions(&layer, Permissions::from_mode(0o751)).unwrap();
        fs::write(layer.join(format!("file-{n}")), "").unwrap();
        layers.push(layer);
    }
    fs::create_dir(dir("at")).unwrap();
    let overlay = Overlay::mount(&layers, &dir("upper"), &dir("work"), &dir("at")).unwrap();
    assert_eq!(fs::read_dir(dir("at")).unwrap().count(), 300);
    assert_eq!(
        fs::metadata(dir("at")).unwrap().permissions().mode() & 0o7777,
        0o751,
        "the root is the one below"
    );
    fs::write(dir("at/made"), "").unwrap();
    fs::remove_file(dir("at/made")).unwrap();
    let busy = Overlay::mount_read_only(&layers, &dir("at")).unwrap_err().to_string();
    assert!(busy.contains("not empty"), "{busy}");
    drop(overlay);
    assert!(is_unchanged(&dir("upper"), &layers).unwrap());
    fs::set_permissions(dir("upper"), Permissions::from_mode(0o755)).unwrap();
    assert!(!is_unchanged(&dir("upper"), &layers).unwrap());
}

fn meta(parent: Option<Digest>, name: &str) -> CheckpointMeta {
    CheckpointMeta {
        parent,
        image: "tiny".to_string(),
        phase: "install".to_string(),
        name: name.to_string(),
        element: "base".to_string(),
        seconds: 1.5,
        made: 1_700_000_000,
        state: serde_json::json!({"mounts": ["/proc"]}),
        squashes: Vec::new(),
    }
}

fn id(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// Keeps a checkpoint whose layer has one file.
fn keep(session: &Session, parent: Option<&str>, name: &str) {
    let draft = session.draft().unwrap();
    fs::create_dir(draft.layer()).unwrap();
    fs::write(draft.layer().join(name), vec![1; 100_000]).unwrap();
    draft.commit(id(name), meta(parent.map(id), name)).unwrap();
}

fn is_whole(session: &Session, name: &str) -> bool {
    matches!(session.find(id(name)).unwrap(), Lookup::Whole(_))
}

#[test]
fn a_checkpoint_is_kept_whole_or_not_at_all() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::open(&scratch.path().join("cache")).unwrap();
    let session = store.session().unwrap();
    assert!(matches!(session.find(id("one")).unwrap(), Lookup::Missing));
    keep(&session, None, "one");
    let Lookup::Whole(found) = session.find(id("one")).unwrap() else { panic!("it was kept") };
    assert_eq!(found.meta, meta(None, "one"));
    assert_eq!(fs::read(found.layer().unwrap().join("one")).unwrap().len(), 100_000);
    let draft = session.draft().unwrap();
    let place = draft.layer();
    fs::create_dir(&place).unwrap();
    drop(draft);
    assert!(!place.exists(), "a step that failed leaves nothing");

    type Harm = fn(&Path);
    let harms: [(&str, Harm, &str); 6] = [
        (
            "missing",
            |dir| fs::remove_file(dir.join("layer/missing")).unwrap(),
            "has 0 entries, 1 were written",
        ),
        (
            "short",
            |dir| File::options().write(true).open(dir.join("layer/short")).unwrap().set_len(9).unwrap(),
            "size",
        ),
        ("gone", |dir| fs::remove_dir_all(dir.join("layer")).unwrap(), "layer: No such file"),
        ("meta", |dir| dibber_tests::flip_bit(&dir.join("meta.json"), 40), "not what was written"),
        ("half", |dir| fs::remove_file(dir.join("sealed")).unwrap(), "sealed: No such file"),
        ("other", |dir| fs::write(dir.join("layer/more"), "").unwrap(), "has 2 entries"),
    ];
    for (name, harm, why) in harms {
        keep(&session, None, name);
        keep(&session, Some(name), "child");
        harm(&store.path().join("checkpoints").join(id(name).to_string()));
        let Lookup::Dropped(error) = session.find(id(name)).unwrap() else {
            panic!("{name} was not noticed")
        };
        let said = error.to_string();
        assert!(said.contains(why) && said.contains(&id(name).to_string()), "{name}: {said}");
        assert!(!is_whole(&session, "child"), "what was built on {name} is dropped too");
        keep(&session, None, name);
        assert!(is_whole(&session, name), "{name} can be built again");
    }
}

#[test]
fn a_squash_replaces_the_layers_that_it_names() {
    let scratch = tempfile::tempdir().unwrap();
    let session = Store::open(scratch.path()).unwrap().session().unwrap();
    keep(&session, None, "a");
    keep(&session, Some("a"), "b");
    keep(&session, Some("b"), "c");
    let of = [id("b"), id("c")];
    let draft = session.draft().unwrap();
    fs::create_dir(draft.layer()).unwrap();
    let meta = CheckpointMeta { squashes: of.to_vec(), ..meta(Some(id("c")), "squash") };
    let squash = draft.commit(squash_id(&of), meta).unwrap();
    let mut chain: Vec<Checkpoint> = Vec::new();
    for name in ["a", "b", "c"] {
        let Lookup::Whole(found) = session.find(id(name)).unwrap() else { panic!("{name} was kept") };
        chain.push(*found);
    }
    let dir = |of: &Checkpoint| of.layer().unwrap();
    assert_eq!(layers(&chain), [dir(&chain[0]), dir(&chain[1]), dir(&chain[2])]);
    let expected = [dir(&chain[0]), dir(&squash)];
    chain.push(squash);
    assert_eq!(layers(&chain), expected);
}

#[test]
fn pruning_takes_the_least_used_and_never_what_is_in_use() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::open(scratch.path()).unwrap();
    let session = store.session().unwrap();
    for (parent, name) in [(None, "a"), (Some("a"), "b"), (Some("b"), "c"), (None, "x"), (Some("x"), "y")] {
        keep(&session, parent, name);
    }
    drop(session);
    let ago = |name: &str, hours: u64| {
        let path = store.path().join("checkpoints").join(id(name).to_string()).join("meta.json");
        let time = SystemTime::now() - Duration::from_secs(hours * 3600);
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    };
    for (name, hours) in [("a", 1), ("b", 1), ("c", 50), ("x", 30), ("y", 30)] {
        ago(name, hours);
    }
    let left = || {
        let mut names: Vec<String> =
            store.list().unwrap().into_iter().map(|c| c.meta.unwrap().name).collect();
        names.sort();
        names.concat()
    };
    let now = SystemTime::now();
    let user = store.session().unwrap();
    assert!(is_whole(&user, "x"));
    ago("x", 30);
    let day = PruneLimits { age: Some(Duration::from_secs(24 * 3600)), ..PruneLimits::default() };
    let done = store.prune(day, now).unwrap();
    assert_eq!((done.removed, done.in_use, left().as_str()), (2, 1, "abx"), "c and y are old, x is in use");
    drop(user);
    assert_eq!((store.prune(day, now).unwrap().removed, left().as_str()), (1, "ab"));
    let small = PruneLimits { size: Some(Bytes(150_000)), ..PruneLimits::default() };
    let done = store.prune(small, now).unwrap();
    assert!(done.left <= 150_000 && done.freed >= 100_000, "{done:?}");
    store.prune(PruneLimits { all: true, ..PruneLimits::default() }, now).unwrap();
    assert_eq!(left(), "");
    assert_eq!(fs::read_dir(store.path().join("scratch")).unwrap().count(), 0);
}

#[test]
fn one_image_is_built_by_one_process() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::open(scratch.path()).unwrap();
    let held = store.lock_image("x86_64-tiny").unwrap();
    let said = store.lock_image("x86_64-tiny").unwrap_err().to_string();
    assert!(
        said.contains("x86_64-tiny is being built already") && said.contains(&std::process::id().to_string())
    );
    drop(store.lock_image("p9-ppc64le-tiny").unwrap());
    std::thread::scope(|scope| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let store = &store;
        let waiter = scope.spawn(move || {
            store.wait_for_image("x86_64-tiny", |holder| sender.send(holder.to_string()).unwrap()).unwrap();
        });
        assert_eq!(receiver.recv().unwrap(), std::process::id().to_string());
        assert!(!waiter.is_finished());
        drop(held);
        waiter.join().unwrap();
    });
}

#[test]
fn the_next_session_removes_what_a_killed_one_left() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::open(scratch.path()).unwrap();
    let session = store.session().unwrap();
    let left = session.scratch();
    fs::create_dir_all(left.join("step-0/work-layer/work")).unwrap();
    fs::set_permissions(left.join("step-0/work-layer/work"), Permissions::from_mode(0o000)).unwrap();
    // As kill -9 would: the lock ends, the files stay. Leaking the session would keep its lock, so its files are put back.
    drop(session);
    fs::create_dir_all(left.join("step-0/work-layer/work/deep")).unwrap();
    fs::set_permissions(left.join("step-0/work-layer/work"), Permissions::from_mode(0o000)).unwrap();
    fs::write(store.path().join("running").join(left.file_name().unwrap()), "").unwrap();
    let next = store.session().unwrap();
    assert!(!left.exists() && next.scratch().exists());
}

#[test]
fn a_store_knows_its_own() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("cache");
    let store = Store::open(&root).unwrap();
    assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o7777, 0o700);
    let mut timings = store.timings("tiny");
    timings.set("install/10-ssh", 2.5);
    store.save_timings("tiny", &timings).unwrap();
    assert_eq!(Store::open(&root).unwrap().timings("tiny").seconds_of("install/10-ssh"), Some(2.5));
    assert_eq!(store.answer("GET http://deb").unwrap(), None);
    store.record_answer("GET http://deb", b"hello").unwrap();
    assert_eq!(store.answer("GET http://deb").unwrap().as_deref(), Some(&b"hello"[..]));
    fs::write(root.join("VERSION"), "dibber store 9\n").unwrap();
    let said = Store::open(&root).unwrap_err().to_string();
    assert!(said.contains("dibber store 9") && said.contains("DIBBER_CACHE"), "{said}");
    fs::write(scratch.path().join("letter"), "").unwrap();
    assert!(matches!(Store::open(scratch.path()), Err(StoreError::Foreign { .. })));
    let place = |cache: Option<&str>, xdg: Option<&str>, home: Option<&str>| {
        let of = |name: &str| match name {
            "DIBBER_CACHE" => cache,
            "XDG_CACHE_HOME" => xdg,
            _ => home,
        };
        Store::place(|name| of(name).map(PathBuf::from), None).ok()
    };
    assert_eq!(place(Some("here"), Some("/x"), Some("/h")), Some("here".into()));
    assert_eq!(place(None, Some("/x"), Some("/h")), Some("/x/dibber".into()));
    assert_eq!(place(None, Some("relative"), Some("/h")), Some("/h/.cache/dibber".into()));
    assert_eq!(place(Some(""), None, None), None);
    // Without HOME, the home of /etc/passwd.
    let listed = |home: Option<&str>| {
        Store::place(|name| home.filter(|_| name == "HOME").map(PathBuf::from), Some("/p".into())).ok()
    };
    assert_eq!(listed(None), Some("/p/.cache/dibber".into()));
    assert_eq!(listed(Some("/h")), Some("/h/.cache/dibber".into()));
}
