//! Commands of dib's, as the image files and plans that they come to.
//!
//! In: words and variables. Out: texts and plans. Never: a build.

use std::collections::BTreeMap;

use dibber_model::{Arch, Bytes, Digest, PartContents, SizeRule};
use dibber_plan::dib::{Command, Program, image_file, unread};
use dibber_plan::{Body, ElementSource, Entry, Plan, Request, SourceSet, TextSource, plan};

/// A command line as a shell would have it, with the variables before it.
struct Given {
    command: Command,
    environment: BTreeMap<String, String>,
}

fn given(line: &str) -> Result<Given, String> {
    let words: Vec<String> = line.split(' ').map(|word| word.replace('~', " ")).collect();
    let variables = words.iter().take_while(|word| word.contains('=') && !word.starts_with('-')).count();
    let environment = words[..variables].iter().filter_map(|word| word.split_once('='));
    let environment = environment.map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let program = match words[variables].as_str() {
        "ramdisk-image-create" => Program::RamdiskImageCreate,
        _ => Program::DiskImageCreate,
    };
    let command = Command::read(program, &words[variables + 1..], &environment).map_err(|e| e.to_string())?;
    Ok(Given { command, environment })
}

fn text(line: &str) -> String {
    let Given { command, environment } = given(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    image_file(&command, &environment, None).text
}

fn element(name: &str, files: &[(&str, &str)]) -> ElementSource {
    let mut entries = BTreeMap::new();
    for (path, text) in files {
        for (end, _) in path.match_indices('/') {
            entries.insert(path[..end].to_string(), Entry::Dir);
        }
        let (digest, body) = (Digest::of(text.as_bytes()), Body::Inline(text.as_bytes().into()));
        entries.insert(path.to_string(), Entry::File { executable: text.starts_with("#!"), digest, body });
    }
    ElementSource { name: name.into(), origin: format!("elements/{name}"), entries, modes: BTreeMap::new() }
}

fn planned(line: &str) -> Result<Plan, String> {
    let Given { command, environment } = given(line)?;
    let mut sources = SourceSet::default();
    for element in [
        element(
            "tiny",
            &[
                ("element-provides", "operating-system\n"),
                ("root.d/10-tree", "#!/bin/sh\necho $DIB_SEEN $DIB_RELEASE\n"),
            ],
        ),
        element("baremetal", &[]),
        element("base", &[]),
        element("ramdisk", &[]),
    ] {
        sources.elements.insert(element.name.clone(), element);
    }
    let file = image_file(&command, &environment, None);
    sources.images.push(TextSource { origin: "the command".into(), text: file.text });
    let mut request = Request::on(Arch::X86_64);
    request.plain_names = true;
    plan(&sources, &request).map(|mut plans| plans.remove(0)).map_err(|error| error.to_string())
}

#[test]
fn commands_are_image_files() {
    for (line, file) in [
        (
            "disk-image-create tiny",
            "disk_images:\n  - imagename: image\n    outputs:\n      - qcow2\n    elements:\n      - tiny\n",
        ),
        (
            "DIB_RELEASE=trixie PS1=x HOME=/root REG_ORG=o disk-image-create -a arm64 -o /srv/out/node.raw -t raw -xx -n -p a,b -p c tiny vm",
            "disk_images:\n  - imagename: node\n    arch: arm64\n    outputs:\n      - raw\n    skip_base: true\n    elements:\n      - tiny\n      - vm\n    packages:\n      - a\n      - b\n      - c\n    environment:\n      DIB_DEBUG_TRACE: \"2\"\n      DIB_RELEASE: trixie\n      REG_ORG: o\n",
        ),
        (
            "disk-image-create -c -u --mkfs-options -i~8192 --image-size 2.5 --docker-target r/n:t --install-type package tiny",
            "disk_images:\n  - imagename: image\n    outputs:\n      - qcow2\n    elements:\n      - tiny\n    size: \"2621440KiB\"\n    compression: none\n    docker_target: \"r/n:t\"\n    options:\n      - \"--mkfs-options '-i 8192'\"\n    environment:\n      DIB_DEFAULT_INSTALLTYPE: package\n",
        ),
        (
            "DIB_X=1 disk-image-create -c tiny",
            "disk_images:\n  - imagename: image\n    outputs:\n      - qcow2\n    elements:\n      - tiny\n",
        ),
        (
            "ramdisk-image-create -o r --ramdisk-element dracut-ramdisk tiny",
            "disk_images:\n  - imagename: r\n    ramdisk: dracut-ramdisk\n    elements:\n      - tiny\n",
        ),
    ] {
        assert_eq!(text(line), file, "{line}");
    }
}

#[test]
fn options_and_variables_reach_the_plan() {
    let root = |plan: &Plan| {
        let part = plan.disk.parts.first().expect("a root");
        let PartContents::Fs(fs) = &part.contents else { panic!("{part:?}") };
        (part.size, fs.clone())
    };
    for line in [
        "disk-image-create --image-size 3 --max-online-resize 1048576 --mkfs-journal-size 16 --root-label r tiny",
        "DIB_IMAGE_SIZE=3 MAX_ONLINE_RESIZE=1048576 DIB_JOURNAL_SIZE=16 ROOT_LABEL=r disk-image-create tiny",
        "DIB_IMAGE_SIZE=9 DIB_JOURNAL_SIZE=8 ROOT_LABEL=s disk-image-create --image-size=3 --max-online 1048576 --mkfs-journal-size 16 --root r tiny",
    ] {
        let plan = planned(line).expect(line);
        let (_, fs) = root(&plan);
        assert_eq!(plan.disk.size, Some(Bytes::gib(3)), "{line}");
        assert_eq!(
            (fs.options.grow_to, fs.options.journal),
            (Some(Bytes::gib(4)), Some(Bytes::mib(16))),
            "{line}"
        );
        assert_eq!(fs.label, "r", "{line}");
    }
    for line in
        ["disk-image-create --image-extra-size 200 tiny", "DIB_IMAGE_EXTRA_SIZE=200 disk-image-create tiny"]
    {
        assert_eq!(root(&planned(line).expect(line)).0, SizeRule::ContentAnd(Bytes::mib(200)), "{line}");
    }
    let sized = planned("disk-image-create --image-extra-size 200 --image-size 1 tiny").expect("planned");
    assert_eq!(root(&sized).0, SizeRule::Free { share: 10_000 });
    for line in [
        "disk-image-create --qemu-img-options compat=0.10 tiny",
        "QEMU_IMG_OPTIONS=compat=0.10 disk-image-create tiny",
    ] {
        assert_eq!(
            planned(line).expect(line).packaging.qemu_img_options.as_deref(),
            Some("compat=0.10"),
            "{line}"
        );
    }
}

#[test]
fn outputs_are_those_of_dib() {
    let names = |line: &str| {
        let plan = planned(line).expect(line);
        let names = plan.outputs.iter().map(|kind| format!("{}.{}", plan.basename(), kind.extension()));
        names.collect::<Vec<_>>().join(" ")
    };
    for (line, files) in [
        ("disk-image-create tiny", "image.qcow2"),
        ("disk-image-create -o x.qcow2 tiny", "x.qcow2"),
        ("disk-image-create -o x.qcow2 -t qcow2,raw tiny", "x.qcow2.qcow2 x.qcow2.raw"),
        ("disk-image-create -o x tiny baremetal", "x.qcow2 x.vmlinuz x.initrd"),
        (
            "disk-image-create -o x -t tar,tgz,squashfs,raw,qcow2,docker,aci,vhd tiny",
            "x.tar x.tgz x.squash x.raw x.qcow2 x.docker.tar x.aci x.vhd",
        ),
        ("IMAGE_NAME=/a/b/y disk-image-create -t raw -t vhd tiny", "y.vhd"),
        ("ramdisk-image-create -n tiny", ""),
    ] {
        assert_eq!(names(line), files, "{line}");
    }
}

#[test]
fn what_is_wrong_is_told() {
    for (line, message) in [
        (
            "disk-image-create --image-sise 3 tiny",
            "unknown option `--image-sise`; did you mean `--image-size`?",
        ),
        (
            "disk-image-create -t qcow tiny",
            "unknown output type `qcow`; there are qcow2, raw, vhd, vhdx, vmdk, vdi, tar, tgz, squashfs, docker, oci, aci, vmlinuz, initrd, kernel, initramfs; did you mean `qcow2`?",
        ),
        (
            "disk-image-create --image-size big tiny",
            "`--image-size big`: a number of GiB, such as 4 or 2.5, is expected",
        ),
        (
            "disk-image-create --mkfs-options -Q tiny",
            "`--mkfs-options`: `-Q` is not supported; there are -i, -J size=, -m and -E resize=",
        ),
        (
            "DIB_CHECKSUM=sha1 disk-image-create tiny",
            "DIB_CHECKSUM=`sha1` is no kind of sum; there are md5 and sha256, and 1 for both",
        ),
        ("disk-image-create -a amd46 tiny", "unknown architecture `amd46`; did you mean `amd64`?"),
    ] {
        let told = given(line).map(|_| ()).expect_err(line);
        assert!(told.starts_with(message.split("; did").next().expect("a text")), "{line}\n{told}");
    }
}

#[test]
fn what_does_nothing_is_said() {
    let notes = |line: &str| given(line).expect(line).command.notes;
    assert_eq!(notes("disk-image-create -x --checksum tiny"), [""; 0]);
    let said =
        notes("DIB_GZIP_BIN=pigz TMP_DIR=/x disk-image-create --no-tmpfs --min-tmpfs 4 tiny").join("\n");
    for name in ["--no-tmpfs", "--min-tmpfs", "DIB_GZIP_BIN", "TMP_DIR"] {
        assert!(said.contains(&format!("{name} does nothing here")), "{said}");
    }
    let line = "DIB_SEEN=1 DIB_RELAESE=trixie DIB_RELEASE=trixie disk-image-create tiny";
    let plan = planned(line).expect(line);
    let said = unread(&plan, &given(line).expect(line).command).expect("something is said");
    assert!(said.contains("DIB_RELAESE (did you mean DIB_RELEASE?)") && !said.contains("DIB_SEEN"), "{said}");
}
