//! `dibber upload` before a real Glance: what it holds afterwards, when all goes well and when it does not.
//!
//! In: Debian's Glance on loopback, a relay that is bad on purpose, a Keystone that is played. Out: what curl, sha512sum and
//! the openstack client see in Glance. Never: dibber's own word for it.

mod cloud;
mod refusals;
mod set;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use cloud::Glance;
use dibber_tests::workshop::{Numbers, Told, Workshop, run};
use dibber_tests::{accepts, objects, program};
use set::{HELD, MIB, write_set};

/// A set and a home without a clouds.yaml of somebody's.
pub(crate) struct Place {
    home: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        let place = Place { home: tempfile::tempdir().expect("a directory") };
        fs::create_dir(place.dir()).expect("make a directory");
        write_set(&place.dir(), "1");
        place
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.home.path().join("set")
    }

    /// `dibber upload --in SET ...`, with these variables and no others of a cloud's.
    pub(crate) fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home.path()).envs(variables.iter().copied()).current_dir(self.home.path());
        command.args(["upload", "--in"]).arg(self.dir()).args(arguments);
        command
    }

    /// The same, run, to a Glance that asks nobody's name.
    pub(crate) fn upload(&self, port: u16, arguments: &[&str]) -> Told {
        run(&mut self.command(arguments, &[("OS_ENDPOINT", &endpoint(port))]))
    }
}

/// An address by a name: the program is static, and resolves it all the same.
pub(crate) fn endpoint(port: u16) -> String {
    format!("http://localhost:{port}")
}

/// Fails the test unless Glance holds the set, the whole of it, and nothing else but `former`.
#[track_caller]
fn holds(glance: &Glance, place: &Place, former: &[&str]) {
    let mut names: Vec<&str> = HELD.iter().map(|(name, ..)| *name).chain(former.iter().copied()).collect();
    names.sort_unstable();
    assert_eq!(glance.names(), names);
    assert_eq!(glance.stored(), names.len());
    for (name, format, file) in HELD {
        let image = glance.image(name);
        assert_eq!(
            (&image["status"], &image["disk_format"]),
            (&"active".into(), &format.into()),
            "{image:#}"
        );
        let path = place.dir().join(file);
        let sum = accepts("sha512sum", &[path.to_str().expect("UTF-8")]);
        let id = image["id"].as_str().expect("an id");
        assert_eq!(Some(glance.sha512_of_data(id).as_str()), sum.split_whitespace().next(), "{name}");
    }
}

#[test]
fn a_set_is_put_whole_and_a_second_upload_changes_nothing() {
    let (glance, place) = (Glance::start(), Place::new());
    let told = place.upload(glance.port, &["--visibility", "private"]).well();
    holds(&glance, &place, &[]);
    assert!(told.err.contains("x86_64-overcloud-full.vmlinuz is not uploaded"), "{}", told.err);
    // Ids are Glance's: the kernel's is on the disk that needs it, and on no whole disk.
    let id = |name: &str| glance.image(name)["id"].clone();
    for stem in ["ppc64le-overcloud-full", "p9-ppc64le-overcloud-full"] {
        let disk = glance.image(stem);
        assert_eq!(disk["kernel_id"], id(&format!("{stem}-vmlinuz")));
        assert_eq!(disk["ramdisk_id"], id(&format!("{stem}-initrd")));
        assert_eq!((&disk["img_type"], &disk["container_format"]), (&"partition".into(), &"bare".into()));
    }
    let whole = glance.image("overcloud-full");
    assert_eq!(whole.get("kernel_id"), None);
    assert_eq!((&whole["img_type"], &whole["hw_firmware_type"]), (&"whole-disk".into(), &"uefi".into()));
    assert_eq!(
        (&whole["min_disk"], &whole["min_ram"], &whole["visibility"]),
        (&3.into(), &2048.into(), &"private".into())
    );
    let kernel = glance.image("p9-ppc64le-overcloud-full-vmlinuz");
    assert_eq!((&kernel["tripleo_platform"], &kernel["hw_architecture"]), (&"p9".into(), &"ppc64le".into()));
    assert_eq!((kernel.get("img_type"), &kernel["container_format"]), (None, &"aki".into()));
    let by_arch = |first: &str, second: &str| {
        format!("x86_64:{},ppc64le:{}", id(first).as_str().unwrap(), id(second).as_str().unwrap())
    };
    let settings = format!(
        "[conductor]\ndeploy_kernel_by_arch = {}\ndeploy_ramdisk_by_arch = {}\n",
        by_arch("bm-deploy-kernel", "ppc64le-bm-deploy-kernel"),
        by_arch("bm-deploy-ramdisk", "ppc64le-bm-deploy-ramdisk"),
    );
    assert!(told.out.ends_with(&settings), "{}", told.out);

    let (before, way) = (glance.images(), glance.way(json!({})));
    let again = place.upload(way.port, &[]).well();
    assert_eq!(
        again.out.lines().filter(|line| line.ends_with("  unchanged")).count(),
        HELD.len(),
        "{}",
        again.out
    );
    assert_eq!((way.requests().len(), way.changes()), (HELD.len(), vec![]));
    assert_eq!(glance.images(), before);
}

#[test]
fn properties_are_mended_and_content_that_differs_is_a_new_image() {
    let (glance, place) = (Glance::start(), Place::new());
    place.upload(glance.port, &[]).well();
    let before: BTreeMap<String, Value> =
        HELD.iter().map(|(name, ..)| (name.to_string(), glance.image(name))).collect();
    // Somebody spoils properties, and adds one of theirs.
    let id = before["overcloud-full"]["id"].as_str().expect("an id");
    let patch = r#"[{"op":"replace","path":"/hw_architecture","value":"sparc"},{"op":"add","path":"/kernel_id","value":"6f2b5a7c-8c0e-4d43-9a54-0f6f0f5f7f11"},{"op":"add","path":"/theirs","value":"stays"}]"#;
    let url = format!("http://127.0.0.1:{}/v2/images/{id}", glance.port);
    let media = "Content-Type: application/openstack-images-v2.1-json-patch";
    accepts("curl", &["--noproxy", "*", "-sSf", "-X", "PATCH", "-H", media, "-d", patch, &url]);
    let way = glance.way(json!({}));
    let dry = place.upload(way.port, &["--dry-run"]).well();
    assert!(dry.out.contains("overcloud-full  would change hw_architecture, kernel_id"), "{}", dry.out);
    assert_eq!(way.changes(), [""; 0]);
    place.upload(way.port, &[]).well();
    assert_eq!(way.changes(), [format!("PATCH /v2/images/{id}")]);
    let mended = glance.image("overcloud-full");
    assert_eq!(
        (&mended["hw_architecture"], mended.get("kernel_id"), &mended["theirs"]),
        (&"x86_64".into(), None, &"stays".into())
    );

    // A new build of overcloud-full; the agent is as it was.
    write_set(&place.dir(), "2");
    let told = place.upload(glance.port, &["overcloud-full"]).well();
    let former: Vec<String> = HELD
        .iter()
        .filter(|(name, ..)| name.contains("overcloud-full"))
        .map(|(name, ..)| {
            let created = before[*name]["created_at"].as_str().expect("a time");
            format!("{name}_{}", created.chars().filter(char::is_ascii_digit).collect::<String>())
        })
        .collect();
    holds(&glance, &place, &former.iter().map(String::as_str).collect::<Vec<_>>());
    for name in &former {
        assert!(told.out.contains(&format!("the former is {name}")), "{}", told.out);
    }
    assert_eq!(glance.image("bm-deploy-kernel")["updated_at"], before["bm-deploy-kernel"]["updated_at"]);
    let disk = glance.image("ppc64le-overcloud-full");
    assert_eq!(disk["kernel_id"], glance.image("ppc64le-overcloud-full-vmlinuz")["id"]);
}

#[test]
fn an_upload_that_was_killed_ends_whole_when_run_again() {
    let (glance, place) = (Glance::start(), Place::new());
    let way = glance.way(json!({ "rate": 8 * MIB }));
    let mut numbers = Numbers(0x61a2_0e57_91b3_44cd);
    let mut interrupted = 0;
    for _ in 0..6 {
        let mut command = place.command(&[], &[("OS_ENDPOINT", &endpoint(way.port))]);
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("start the program");
        sleep(Duration::from_millis(150 + numbers.below(900)));
        child.kill().expect("SIGKILL");
        interrupted += usize::from(child.wait().expect("wait").code().is_none());
        // No name stands for what is not whole.
        for image in glance.images() {
            let name = image["name"].as_str().expect("a name");
            assert!(name.ends_with(".unchecked") || image["status"] == "active", "{image:#}");
        }
    }
    assert!(interrupted >= 3, "{interrupted} of 6 were killed while they ran");
    // The relay may still be handing the last cut on to Glance.
    sleep(Duration::from_millis(300));
    place.upload(glance.port, &[]).well();
    holds(&glance, &place, &[]);
}

#[test]
fn a_cut_is_sent_whole_again_and_damage_is_objected_to() {
    let (glance, place) = (Glance::start(), Place::new());
    let way = glance.way(json!({ "cut": 2 }));
    let told = place.upload(way.port, &["overcloud-full", "--arch", "ppc64le", "--platform", "p9"]).well();
    assert_eq!(told.err.matches("whole again").count(), 2, "{}", told.err);
    let puts = way.requests().iter().filter(|request| request.starts_with("PUT")).count();
    assert_eq!(puts, 5, "{:?}", way.requests());
    let before = glance.images();
    assert_eq!(before.len(), 3);

    write_set(&place.dir(), "2");
    let name = "p9-ppc64le-overcloud-full-vmlinuz";
    let chosen = ["overcloud-full", "--platform", "p9", "--retries", "0"];
    for (asked, words) in [
        (
            json!({ "cut": 9 }),
            &["upload p9-ppc64le-overcloud-full-vmlinuz", "did not answer", "run the same command again"][..],
        ),
        (json!({ "flip": true }), &[name, "os_hash_value", "was removed"]),
        (json!({ "lie": true }), &[name, "os_hash_value is 0000000000000000...", "was removed"]),
    ] {
        place.upload(glance.way(asked).port, &chosen).refuses(9, words);
        assert_eq!(glance.images(), before);
        assert_eq!(glance.stored(), 3);
    }
}

#[test]
fn what_was_built_is_what_glance_hands_out() {
    let (glance, shop) = (Glance::start(), Workshop::new());
    let image = shop.image("tiny", &[("outputs", "[qcow2, raw]")]);
    shop.build(&image, &[]).well();
    let mut command = shop.dibber();
    run(command.args(["upload", "--in"]).arg(shop.out()).env("OS_ENDPOINT", endpoint(glance.port))).well();
    assert_eq!(glance.names(), ["tiny"]);
    let held = glance.image("tiny");
    assert_eq!((&held["img_type"], &held["min_disk"]), (&"partition".into(), &1.into()));
    glance.sha512_of_data(held["id"].as_str().expect("an id"));
    let (ours, theirs) = (shop.out().join("x86_64-tiny.qcow2"), glance.home.path().join("download"));
    let text = |path: &Path| path.to_str().expect("UTF-8").to_string();
    accepts("cmp", &[&text(&ours), &text(&theirs)]);
    accepts("qemu-img", &["check", "-f", "qcow2", &text(&theirs)]);
    // The broken twin.
    dibber_tests::flip_bit(&theirs, 0);
    objects("qemu-img", &["check", "-f", "qcow2", &text(&theirs)]);
}

#[test]
fn a_printed_script_does_the_same_through_openstack() {
    let (glance, place) = (Glance::start(), Place::new());
    let odd = place.dir().join("p9-ppc64le-overcloud-full.qcow2.json");
    let mut sidecar: Value = serde_json::from_slice(&fs::read(&odd).expect("read")).expect("JSON");
    sidecar["properties"]["description"] = "it's $HOME; `true`".into();
    fs::write(&odd, sidecar.to_string()).expect("write");
    let print = |chosen: &[&str]| {
        let told =
            run(&mut place.command(&[&["--print", "--visibility", "private"], chosen].concat(), &[])).well();
        let script = place.home.path().join("script");
        fs::write(&script, &told.out).expect("write");
        // What looks like an expansion in single quotes is meant to stay.
        accepts("shellcheck", &["-s", "sh", "-e", "SC2016", script.to_str().expect("UTF-8")]);
        let mut shell = Command::new("sh");
        let url = format!("http://127.0.0.1:{}", glance.port);
        shell.arg(&script).env("OS_AUTH_TYPE", "none").env("OS_ENDPOINT", url).env("no_proxy", "127.0.0.1");
        // The system's Python has the client's modules.
        run(shell.env("PATH", "/usr/bin:/bin")).well().out
    };
    print(&["overcloud-full", "--platform", "p9"]);
    let said = print(&["ironic-python-agent", "--arch", "x86_64"]);
    let id = |name: &str| glance.image(name)["id"].as_str().expect("an id").to_string();
    for (what, name) in [("kernel", "bm-deploy-kernel"), ("ramdisk", "bm-deploy-ramdisk")] {
        let line = format!("deploy_{what}_by_arch = x86_64:{}\n", id(name));
        assert!(said.contains(&line), "no {line} in {said}");
    }
    let disk = glance.image("p9-ppc64le-overcloud-full");
    assert_eq!(disk["description"], "it's $HOME; `true`");
    assert_eq!(disk["kernel_id"], id("p9-ppc64le-overcloud-full-vmlinuz"));
    // dibber finds nothing to do after it.
    let way = glance.way(json!({}));
    place.upload(way.port, &["--platform", "p9"]).well();
    place.upload(way.port, &["ironic-python-agent", "--arch", "x86_64", "--visibility", "private"]).well();
    assert_eq!(way.changes(), [""; 0]);
}
