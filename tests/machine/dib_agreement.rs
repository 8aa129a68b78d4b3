//! The elements engine against diskimage-builder 3.43.0 itself, over dib's own elements, where dib's behaviour is defined.
//!
//! In: the virtual environment that `scripts/test` makes (`DIBBER_DIB_VENV`). Out: equal sets of elements and packages,
//! equal order of hooks. Never: a skip.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dibber_model::{Arch, Digest, Phase};
use dibber_plan::Action;
use dibber_plan::elements::{
    self, ElementRequest, FileLine, StepRequest, native, package_installs, pkg_map, run_parts,
};
use dibber_plan::source::{Body, ElementSource, Entry, SourceSet};
use serde_json::Value;

/// dib, installed.
pub(super) struct Dib {
    pub(super) python: PathBuf,
    pub(super) package: PathBuf,
}

impl Dib {
    pub(super) fn find() -> Dib {
        let venv = std::env::var_os("DIBBER_DIB_VENV")
            .expect("DIBBER_DIB_VENV must name a virtual environment with diskimage-builder 3.43.0; scripts/test makes one");
        let python = Path::new(&venv).join("bin/python");
        let ask = "import importlib.metadata as m, os, diskimage_builder as d; print(m.version('diskimage-builder')); print(os.path.dirname(d.__file__))";
        let answer = run(Command::new(&python).args(["-c", ask]), "");
        let (version, package) = answer.split_once('\n').expect("two lines");
        assert_eq!(version, "3.43.0", "diskimage-builder of another version in {}", venv.display());
        Dib { python, package: PathBuf::from(package.trim()) }
    }

    fn elements(&self) -> PathBuf {
        self.package.join("elements")
    }

    /// What `element_dependencies.py` makes of each request: names, or the error.
    fn resolve(&self, tree: &Path, requests: &[Vec<String>]) -> Vec<Result<BTreeSet<String>, String>> {
        let script = "
import json, logging, sys
logging.disable(logging.CRITICAL)
from diskimage_builder import element_dependencies as d
known = d._find_all_elements(sys.argv[1])
out = []
for names in json.load(sys.stdin):
    try:
        out.append({'ok': [e.name for e in d._expand_element_dependencies(names, known)]})
    except Exception as e:
        out.append({'error': type(e).__name__ + ': ' + str(e)})
print(json.dumps(out))
";
        let input = serde_json::to_string(requests).expect("texts are JSON");
        let output = run(Command::new(&self.python).args(["-c", script]).arg(tree), &input);
        let answers: Vec<Value> = serde_json::from_str(&output).expect("the script prints JSON");
        let one = |answer: &Value| match answer["ok"].as_array() {
            Some(names) => Ok(names.iter().map(|name| name.as_str().expect("a name").to_string()).collect()),
            None => Err(answer["error"].to_string()),
        };
        answers.iter().map(one).collect()
    }

    fn run_parts(&self, directory: &Path) -> Vec<String> {
        let list = run(
            Command::new("bash").arg(self.package.join("lib/dib-run-parts")).arg("--list").arg(directory),
            "",
        );
        list.lines().map(|line| line.rsplit('/').next().expect("a last part").to_string()).collect()
    }
}

/// Runs a program to its end, which must be a success.
pub(super) fn run(command: &mut Command, input: &str) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn scan(directory: &Path, prefix: &str, entries: &mut BTreeMap<String, Entry>) {
    for item in fs::read_dir(directory).expect("readable").map(|item| item.expect("readable")) {
        let path = format!("{prefix}{}", item.file_name().to_str().expect("UTF-8"));
        let meta = fs::symlink_metadata(item.path()).expect("there");
        if meta.is_dir() {
            entries.insert(path.clone(), Entry::Dir);
            scan(&item.path(), &format!("{path}/"), entries);
        } else if meta.is_symlink() {
            let target = fs::read_link(item.path()).expect("a link");
            entries.insert(path, Entry::Symlink(target.to_str().expect("UTF-8").to_string()));
        } else {
            let bytes = fs::read(item.path()).expect("readable");
            let executable = meta.permissions().mode() & 0o111 != 0;
            entries.insert(
                path,
                Entry::File { executable, digest: Digest::of(&bytes), body: Body::Inline(bytes.into()) },
            );
        }
    }
}

fn read_tree(tree: &Path) -> SourceSet {
    let mut set = SourceSet::default();
    for item in fs::read_dir(tree).expect("readable").map(|item| item.expect("readable")) {
        if item.path().is_dir() {
            let name = item.file_name().to_str().expect("UTF-8").to_string();
            let mut entries = BTreeMap::new();
            scan(&item.path(), "", &mut entries);
            let origin = item.path().display().to_string();
            set.elements
                .insert(name.clone(), ElementSource { name, origin, entries, modes: BTreeMap::new() });
        }
    }
    set
}

fn resolve(sources: &SourceSet, names: &[String]) -> Result<Vec<String>, elements::ElementError> {
    let place = FileLine::new("test", 0);
    let request =
        ElementRequest { elements: names, place, skip_base: true, ramdisk: None, arch: Arch::X86_64 };
    elements::resolve(sources, &request)
}

/// Each of dib's elements with each operating system, and a few whole images.
fn requests(sources: &SourceSet) -> Vec<Vec<String>> {
    let mut requests = Vec::new();
    for name in sources.elements.keys() {
        for others in [
            "debian-minimal",
            "debian",
            "centos vm block-device-gpt",
            "ubuntu-minimal block-device-efi",
            "fedora base",
            "",
        ] {
            let others = others.split_whitespace().map(str::to_string);
            // dib refuses a provider that is asked for twice; that is not what is compared.
            let others = others.filter(|other| other != name);
            requests.push(std::iter::once(name.clone()).chain(others).collect());
        }
    }
    requests
}

/// What dib has and we have not: `dib-python`, which only dib's Python plumbing (`svc-map`) brings along.
const PYTHON: &str = "dib-python";

#[test]
fn the_same_elements() {
    let dib = Dib::find();
    let sources = read_tree(&dib.elements());
    let requests = requests(&sources);
    let mut agreed = 0;
    let mut refused = 0;
    for (request, theirs) in requests.iter().zip(dib.resolve(&dib.elements(), &requests)) {
        match (resolve(&sources, request), theirs) {
            (Ok(ours), Ok(mut theirs)) => {
                let ours: BTreeSet<String> = ours.into_iter().collect();
                if !ours.contains(PYTHON) && theirs.contains("svc-map") {
                    theirs.remove(PYTHON);
                }
                assert_eq!(ours, theirs, "{request:?}");
                agreed += 1;
            }
            (Err(_), Err(_)) => refused += 1,
            // `vm` without a block device gets its default, which in dib is the shell's work, not this program's.
            (Ok(ours), Err(theirs)) => {
                assert!(
                    theirs.contains("'block-device' not found"),
                    "{request:?}: only dib refuses: {theirs}"
                );
                assert!(ours.iter().any(|name| name == "block-device-mbr"), "{request:?}");
            }
            (Err(ours), Ok(_)) => panic!("{request:?}: only we refuse: {ours}"),
        }
    }
    assert!(
        agreed > 300 && refused > 50,
        "{agreed} agreed, {refused} refused by both: too few to mean anything"
    );
}

#[test]
fn an_element_more_is_noticed() {
    let dib = Dib::find();
    let sources = read_tree(&dib.elements());
    let twin = tempfile::tempdir().expect("a directory");
    run(Command::new("cp").arg("-a").arg(dib.elements()).arg(twin.path()), "");
    let tree = twin.path().join("elements");
    fs::write(tree.join("growroot/element-deps"), "sysctl\n").expect("written");
    let request = ["growroot", "debian-minimal"].map(String::from).to_vec();
    let theirs = dib.resolve(&tree, std::slice::from_ref(&request)).remove(0).expect("resolved");
    let ours: BTreeSet<String> = resolve(&sources, &request).expect("resolved").into_iter().collect();
    assert_ne!(ours, theirs);
}

/// Images over which hooks and packages are compared.
const IMAGES: [&str; 5] = [
    "base debian-minimal vm block-device-gpt growroot dhcp-all-interfaces openssh-server devuser",
    "base debian baremetal enable-serial-console cloud-init-growpart",
    "base ubuntu-minimal vm block-device-efi simple-init",
    "base centos vm block-device-efi dynamic-login",
    "base fedora baremetal dracut-regenerate",
];

fn variables() -> BTreeMap<String, String> {
    let pairs = [
        ("ARCH", "amd64"),
        ("DISTRO_NAME", "debian"),
        ("DIB_RELEASE", "bookworm"),
        ("DIB_PYTHON_VERSION", "3"),
        ("DIB_DEFAULT_INSTALLTYPE", "source"),
        ("DIB_INSTALLTYPE_simple_init", "package"),
        ("DIB_SIMPLE_INIT_NETWORKMANAGER", "0"),
        ("DIB_UBUNTU_KERNEL", "linux-image-generic"),
        ("DIB_INIT_SYSTEM", "systemd"),
    ];
    pairs.map(|(name, value)| (name.to_string(), value.to_string())).into()
}

/// Calls `judge` with each image's names and directories.
fn each_image(dib: &Dib, mut judge: impl FnMut(&[String], &[ElementSource])) {
    let sources = read_tree(&dib.elements());
    for image in IMAGES {
        let request: Vec<String> = image.split(' ').map(str::to_string).collect();
        let names = resolve(&sources, &request).unwrap_or_else(|error| panic!("{image}: {error}"));
        judge(&names, &elements::chosen(&sources, &names));
    }
}

#[test]
fn the_same_hooks_in_the_same_order() {
    let dib = Dib::find();
    let variables = variables();
    let mut compared = 0;
    each_image(&dib, |names, directories| {
        let request =
            StepRequest { elements: directories, names, variables: &variables, image_packages: false };
        elements::check(&request).expect("dib's elements are fine");
        let steps = elements::steps(&request).expect("dib's elements are fine");
        for phase in Phase::all() {
            // dib's own merge: all elements' files flat, links of the install types among them.
            let flat = tempfile::tempdir().expect("a directory");
            let is_native = |name: &str| native::native(name).is_some_and(|native| !native.yields);
            for element in directories.iter().filter(|element| !is_native(&element.name)) {
                let from = Path::new(&element.origin).join(phase.directory());
                if from.is_dir() {
                    run(Command::new("cp").arg("-aL").arg(from.join(".")).arg(flat.path()), "");
                }
            }
            for typed in ["simple-init-package-install", "pip-and-virtualenv-source-install"] {
                if flat.path().join(typed).is_dir() {
                    run(
                        Command::new("cp").arg("-a").arg(flat.path().join(typed).join(".")).arg(flat.path()),
                        "",
                    );
                }
            }
            let scripts = steps
                .iter()
                .filter(|step| step.phase == phase && matches!(step.action, Action::Script { .. }));
            let ours: Vec<&str> = scripts.map(|step| step.name.as_str()).collect();
            assert_eq!(ours, dib.run_parts(flat.path()), "{phase} of {names:?}");
            compared += ours.len();
        }
    });
    assert!(compared > 100, "{compared} hooks compared: too few to mean anything");
}

#[test]
fn the_same_order_of_odd_names() {
    let dib = Dib::find();
    let flat = tempfile::tempdir().expect("a directory");
    let names = [
        "README",
        "aa",
        "9-a",
        "010-z",
        "10-a",
        "10-B",
        "10_c",
        "20-b",
        "100-c",
        "-3",
        "-03-x",
        "0",
        "00",
        "--",
        "1e3",
        "99999999999999999999-x",
        "10-x.sh",
        "10-x~",
        "+4",
    ];
    for name in names {
        let path = flat.path().join(name);
        fs::write(&path, "").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    }
    let mut ours: Vec<&str> = names.into_iter().filter(|name| run_parts::is_hook_name(name)).collect();
    ours.sort_by(|a, b| run_parts::compare(a, b));
    assert_eq!(ours, dib.run_parts(flat.path()));
    // The twin: a file that is not executable is not listed.
    fs::set_permissions(flat.path().join("10-a"), fs::Permissions::from_mode(0o644)).expect("set");
    assert_ne!(ours, dib.run_parts(flat.path()));
}

#[test]
fn the_same_packages() {
    let dib = Dib::find();
    let variables = variables();
    let mut compared = 0;
    each_image(&dib, |names, directories| {
        // The older text files are another program's business in dib.
        let mut directories = directories.to_vec();
        for element in &mut directories {
            element.entries.retain(|path, _| !path.contains("/package-installs-"));
        }
        let request =
            StepRequest { elements: &directories, names, variables: &variables, image_packages: false };
        let out = tempfile::NamedTempFile::new().expect("a file");
        let listed: Vec<&str> = names.iter().map(String::as_str).collect();
        let squash = dib.elements().join("package-installs/bin/package-installs-squash");
        let mut command = Command::new(&dib.python);
        command.arg(squash).arg("--elements").arg(listed.join(" ")).arg("--path").arg(dib.elements());
        run(command.arg(out.path()).envs(&variables), "");
        let theirs: Value =
            serde_json::from_str(&fs::read_to_string(out.path()).expect("written")).expect("JSON");
        for phase in [Phase::PreInstall, Phase::Install, Phase::PostInstall] {
            let lists =
                package_installs::packages(&request, phase, &variables).expect("dib's elements are fine");
            for (kind, ours) in [("install", &lists.install), ("uninstall", &lists.uninstall)] {
                let theirs = theirs[phase.directory()][kind].as_array().cloned().unwrap_or_default();
                let pair = |row: &Value| {
                    (
                        row[0].as_str().expect("a name").to_string(),
                        row[1].as_str().expect("a name").to_string(),
                    )
                };
                let theirs: BTreeSet<_> = theirs.iter().map(pair).collect();
                let ours: BTreeSet<_> =
                    ours.iter().map(|asked| (asked.name.clone(), asked.element.clone())).collect();
                assert_eq!(ours, theirs, "{kind} in {phase} of {names:?}");
                compared += ours.len();
            }
        }
    });
    assert!(compared > 30, "{compared} packages compared: too few to mean anything");
}

#[test]
fn the_same_package_names() {
    let dib = Dib::find();
    let sources = read_tree(&dib.elements());
    let all: Vec<ElementSource> = sources.elements.values().cloned().collect();
    let maps = pkg_map::read(&all).expect("dib's maps are fine");
    let program = dib.elements().join("pkg-map/bin/pkg-map");
    let mut compared = 0;
    for element in maps.keys() {
        let file = dib.elements().join(element).join("pkg-map");
        let names = mapped_names(&fs::read_to_string(&file).expect("readable"));
        for (distro, release) in [("debian", "bookworm"), ("ubuntu", "jammy"), ("centos", "8-stream")] {
            let mut command = Command::new(&dib.python);
            command.arg(&program).arg("--pkg-map").arg(&file).args([
                "--distro",
                distro,
                "--release",
                release,
                "--missing-ok",
            ]);
            let theirs = run(command.args(&names).arg("no-such-name"), "");
            let query = pkg_map::Query { element, distro, release, missing_ok: true };
            let asked: Vec<&str> = names.iter().map(String::as_str).chain(["no-such-name"]).collect();
            let ours = pkg_map::lookup(&maps, &query, &asked).expect("missing is fine");
            assert_eq!(
                ours,
                theirs.split_whitespace().collect::<Vec<_>>(),
                "{element} on {distro} {release}"
            );
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared} maps compared: too few to mean anything");
}

/// Every key of the innermost objects of a map.
fn mapped_names(text: &str) -> BTreeSet<String> {
    fn walk(value: &Value, names: &mut BTreeSet<String>) {
        for (name, value) in value.as_object().into_iter().flatten() {
            match value {
                Value::String(_) => drop(names.insert(name.clone())),
                value => walk(value, names),
            }
        }
    }
    let mut names = BTreeSet::new();
    walk(&serde_json::from_str(text).expect("JSON"), &mut names);
    names
}
