//! Block-device configs before diskimage-builder 3.43.0 and before us: its own fixtures, but those of plugins made for its tests.
//!
//! In: the virtual environment that `scripts/test` makes. Out: equal verdicts, and for configs in tree form and graph form equal disks.
//! Never: a skip. Filesystems that have no writer here are given another kind first: which kinds there are is not what is compared.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use dibber_model::{Arch, Digest, DiskSpec};
use dibber_plan::{Body, ElementSource, Entry, Request, SourceSet, TextSource};

use super::dib_agreement::{Dib, run};

const IMAGE: &str =
    "disk_images: [{imagename: i, arch: x86_64, skip_base: true, elements: [os], layout: fixture}]";

/// What dib says: `ok`, or why not.
const JUDGE: &str = "
import logging, sys, yaml
logging.disable(logging.CRITICAL)
from diskimage_builder.block_device.config import config_tree_to_graph, create_graph
defaults = {'build-dir': '/x', 'image-size': '1000', 'image-dir': '/x', 'mount-base': '/x'}
try:
    create_graph(config_tree_to_graph(yaml.safe_load(sys.stdin)), defaults, {})
    print('ok')
except Exception as e:
    print(type(e).__name__, e)
";

fn ours(config: &str) -> Result<DiskSpec, String> {
    let text = |text: &str| TextSource { origin: "fixture".into(), text: text.into() };
    let provides: &[u8] = b"operating-system\n";
    let file =
        Entry::File { executable: false, digest: Digest::of(provides), body: Body::Inline(provides.into()) };
    let entries = [("element-provides".to_string(), file)].into();
    let os = ElementSource { name: "os".into(), origin: "os".into(), entries, modes: BTreeMap::new() };
    let mut sources = SourceSet { images: vec![text(IMAGE)], ..SourceSet::default() };
    sources.elements.insert("os".into(), os);
    sources.layouts.insert("fixture".into(), text(config));
    let plans = dibber_plan::plan(&sources, &Request::on(Arch::X86_64)).map_err(|error| error.to_string())?;
    Ok(plans[0].disk.clone())
}

#[test]
fn the_same_verdicts_on_configs() {
    let dib = Dib::find();
    let directory = dib.package.join("block_device/tests/config");
    let read = |name: &str| {
        let text = fs::read_to_string(directory.join(name)).expect("readable");
        // Which kinds of filesystems there are, and that dib hands a UUID on whatever it is, is another matter.
        let text = text
            .replace("type: xfs", "type: ext4")
            .replace("type: \"xfs\"", "type: ext4")
            .replace("type: ext3", "type: ext4");
        let uuids = ["root", "var", "swap", "home", "boot"].into_iter().zip(1..);
        uuids.fold(text, |text, (name, number)| {
            text.replace(
                &format!("{name}-uuid-1234"),
                &format!("9e1a2d38-c612-4316-aa26-8b49521e5a{number:02}"),
            )
        })
    };
    let names = fs::read_dir(&directory).expect("readable").map(|entry| entry.expect("readable").file_name());
    let mut taken = 0;
    let mut refused = 0;
    for name in names.map(|name| name.into_string().expect("UTF-8")) {
        // The last has a GPT's types on an MBR, and a key that is none: dib finds out when it writes the disk, or never.
        // The one of a thin pool has its boot menu on a volume that GRUB does not read, and dib leaves that to whoever starts it.
        let apart = [
            "cmd_create.yaml",
            "rollback.yaml",
            "lvm_tree_thin_provision.yaml",
            "lvm_tree_multiple_partitions.yaml",
        ];
        if apart.contains(&name.as_str()) {
            continue;
        }
        let text = read(&name);
        let theirs = run(Command::new(&dib.python).args(["-c", JUDGE]), &text);
        match (ours(&text), theirs.trim()) {
            (Ok(_), "ok") => taken += 1,
            (Err(_), theirs) if theirs != "ok" => refused += 1,
            (ours, theirs) => panic!("{name}: {:?}, but dib: {theirs}", ours.map(|disk| disk.name)),
        }
    }
    assert!(taken >= 5 && refused >= 6, "{taken} taken, {refused} refused: too few to mean anything");
    for form in ["deep", "multiple_partitions", "lvm"] {
        let [tree, graph] =
            ["tree", "graph"].map(|kind| ours(&read(&format!("{form}_{kind}.yaml"))).expect("a disk"));
        assert_eq!(tree, graph, "{form}");
    }
}
