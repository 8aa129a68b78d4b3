//! What a hook is given, phase by phase, by diskimage-builder 3.43.0 itself and by dibber: dib is run, as root, and every difference is one that
//! the table of the contract (`dibber_plan::contract`) or a list here says is on purpose.
//!
//! In: dib's virtual environment (`DIBBER_DIB_VENV`), a loop device for dib. Out: names and values. Never: the network.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use dibber_plan::contract::{DRIVER, DriverVariable, Provision};
use dibber_tests::workshop::Workshop;

use crate::dib_agreement::Dib;

const PHASES: [&str; 10] = [
    "root",
    "extra-data",
    "pre-install",
    "install",
    "post-install",
    "post-root",
    "block-device",
    "pre-finalise",
    "finalise",
    "cleanup",
];

/// A tree in which dib's own `dib-run-parts` runs.
const TREE: &str = r#"cd "$TARGET_ROOT"
mkdir -p bin etc proc sys dev tmp root run usr/bin var/log
chmod 1777 tmp
for name in bash sh cat env find sort grep mktemp date awk basename rm mkdir; do
    program=$(readlink -f "$(type -P "$name")")
    cp -L "$program" "bin/$name"
    for library in $(ldd "$program" | grep -o '/[^ )]*' || true); do
        mkdir -p ".${library%/*}"
        cp -L "$library" ".$library"
    done
done
echo 'root:x:0:0:root:/root:/bin/bash' > etc/passwd
echo 'root:x:0:' > etc/group"#;

/// What a hook tells of its environment.
fn telling(phase: &str) -> String {
    format!(
        r#"set +x
for name in $(compgen -e); do printf 'TOLD {phase} %s %q\n' "$name" "${{!name}}"; done
env | grep -o '^BASH_FUNC_[^=]*' | while read -r name; do echo "TOLD {phase} $name function"; done || true"#
    )
}

/// Variables of the caller, and of Python, which starts dib.
const OF_THE_CALLER: [&str; 3] = ["DIB_JOURNAL_SIZE", "DIB_NO_TIMESTAMP", "LC_CTYPE"];

/// What dibber gives besides: what it knows and dib does not, or not yet.
const BESIDES: [&str; 10] = [
    "DIBBER_RECORD",
    "DIBBER_TRIAL",
    "DIB_INIT_SYSTEM",
    "DIB_PYTHON_VERSION",
    "DIB_ROOT_UUID",
    "FS_TYPE",
    "ROOT_LABEL",
    "SOURCE_DATE_EPOCH",
    "SYSTEMD_OFFLINE",
    "TMPDIR",
];

/// Variables whose values are dib's own, wherever it has them.
const EQUAL: [&str; 17] = [
    "ARCH",
    "DIB_BOOT_LABEL",
    "DIB_CHECKSUM",
    "DIB_DEBUG_TRACE",
    "DIB_DEFAULT_INSTALLTYPE",
    "DIB_MIN_TMPFS",
    "DIB_MOUNTPOINTS",
    "DIB_NO_TMPFS",
    "DIB_OFFLINE",
    "DIB_ROOT_FSTYPE",
    "DIB_ROOT_LABEL",
    "FS_TYPE",
    "IMAGE_ELEMENT",
    "IMAGE_NAME",
    "IMAGE_TYPE",
    "OUT_IMAGE_PATH",
    "SKIP_BASE",
];

/// Variables by phase.
type Told = BTreeMap<&'static str, BTreeMap<String, String>>;

fn told(log: &str) -> Told {
    let mut all: Told = PHASES.map(|phase| (phase, BTreeMap::new())).into();
    for line in log.lines().filter_map(|line| line.split_once("TOLD ").map(|(_, rest)| rest)) {
        let mut words = line.splitn(3, ' ');
        let (Some(phase), Some(name), Some(value)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if let Some(of_phase) = all.iter_mut().find(|(known, _)| **known == phase).map(|(_, of)| of) {
            of_phase.insert(name.to_string(), value.to_string());
        }
    }
    for (phase, variables) in &all {
        assert!(variables.len() > 20, "{phase} told {} variables", variables.len());
    }
    all
}

fn by_dib(shop: &Workshop) -> Told {
    let dib = Dib::find();
    let bin = dib.python.parent().expect("it is in bin/");
    let place = shop.at("dib");
    fs::create_dir(&place).expect("make a directory");
    let path = format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", bin.display());
    let mut command = Command::new(bin.join("disk-image-create"));
    command.args(["-n", "-t", "tar", "-o", "judged", "judged"]).current_dir(&place).env_clear();
    command.env("PATH", path).env("HOME", &place).env("USER", "root");
    command.env("ELEMENTS_PATH", shop.at("elements"));
    command.env("DIB_NO_TIMESTAMP", "1").env("DIB_JOURNAL_SIZE", "4").env("DIB_IMAGE_SIZE", "0.05");
    let output = command.output().expect("dib starts");
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{log}\n{}", String::from_utf8_lossy(&output.stderr));
    told(&log)
}

fn by_dibber(shop: &Workshop) -> Told {
    let image = shop.image("judged", &[("elements", "[judged]"), ("outputs", "[tar]")]);
    shop.build(&image, &[]).well();
    let log = |name: &str| fs::read_to_string(shop.out().join(name)).ok();
    told(&log("x86_64-judged.log").or_else(|| log("judged.log")).expect("a log"))
}

fn row(name: &str) -> Option<&'static DriverVariable> {
    let is_of = |row: &&DriverVariable| match row.name.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => row.name == name,
    };
    DRIVER.iter().find(is_of)
}

#[test]
fn a_hook_is_given_what_dib_gives_it() {
    let shop = Workshop::new();
    shop.write("judged/element-provides", "operating-system\n");
    shop.hook("judged/root.d/10-tree", TREE);
    for phase in PHASES {
        shop.hook(&format!("judged/{phase}.d/50-told-{phase}"), &telling(phase));
    }
    let (theirs, ours) = (by_dib(&shop), by_dibber(&shop));
    let mut wrong = Vec::new();
    for phase in PHASES {
        let (theirs, ours) = (&theirs[phase], &ours[phase]);
        for (name, value) in theirs.iter().filter(|(name, _)| !OF_THE_CALLER.contains(&name.as_str())) {
            match (row(name).map(|row| row.provision), ours.get(name)) {
                (None, _) => {
                    wrong
                        .push(format!("{phase}: dib gives {name}={value}, which the contract does not know"));
                }
                (Some(Provision::Withheld(_)), None) => {}
                (Some(Provision::Withheld(_)), Some(_)) => {
                    wrong.push(format!("{phase}: {name} is given after all"));
                }
                (_, None) => wrong.push(format!("{phase}: {name} is not given")),
                (_, Some(own)) if EQUAL.contains(&name.as_str()) && own != value => {
                    wrong.push(format!("{phase}: {name} is {own}, and {value} in dib"));
                }
                _ => {}
            }
        }
        let known = |name: &str| BESIDES.contains(&name) || row(name).is_some();
        let besides = ours.keys().filter(|name| !known(name));
        wrong.extend(besides.map(|name| format!("{phase}: {name} is given, and dib knows nothing of it")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The reasons of the table are what people read.
#[test]
fn what_is_withheld_is_documented() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/elements.md");
    let page = fs::read_to_string(page).expect("the page");
    for row in DRIVER {
        if let Provision::Withheld(why) = row.provision {
            assert!(page.contains(&format!("| `{}` | {why} |", row.name)), "{}", row.name);
        }
    }
}
