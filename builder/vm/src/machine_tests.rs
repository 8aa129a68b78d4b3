//! Command lines by architecture, platform and firmware, as data.

use dibber_model::{Arch, Bytes};

use super::super::{DirectKernel, Expectation, Firmware};
use super::*;

fn request(arch: Arch, platform: Option<&str>) -> BootRequest {
    BootRequest {
        disk: Some("disk.qcow2".into()),
        direct: None,
        arch,
        platform: platform.map(|word| word.parse().unwrap()),
        firmware: None,
        disk_size: None,
        allow_backing: false,
        network: false,
        keep_overlay: None,
        memory: Bytes::gib(1),
        accel: Accel::Tcg,
        expect: Some(Expectation { text: String::new(), timeout: Default::default() }),
    }
}

/// A host with every emulator and the first place of every firmware; tests take away from it.
fn host(dir: &Path) {
    fs::create_dir_all(dir.join("bin")).unwrap();
    for machine in Arch::all().filter_map(|arch| arch.facts().machine.as_ref()) {
        fs::write(dir.join("bin").join(machine.program), "").unwrap();
        for (code, variables) in machine.firmwares.iter().filter_map(|known| known.files.first()) {
            for file in [code, variables] {
                let path = dir.join(file.trim_start_matches('/'));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
        }
    }
}

/// The command line with the host's directory written as `HOST`, from `-machine` to the disks.
fn line(request: &BootRequest, dir: &Path) -> Result<String, BootError> {
    let (scratch, path) = (dir.join("scratch"), dir.join("bin"));
    fs::create_dir_all(&scratch).unwrap();
    let image = Layer { path: dir.join("im,age:x"), format: Format::Qcow2, device: false };
    let base = Layer { path: dir.join("base"), format: Format::Raw, device: true };
    let disk = Disk { overlay: scratch.join("overlay"), layers: vec![image, base] };
    for link in ["disk-0", "disk-1"] {
        let _ = fs::remove_file(scratch.join(link));
    }
    let files = BootFiles {
        dir: &scratch,
        disk: request.disk.as_ref().map(|_| &disk),
        direct: request.direct.as_ref(),
        config_drive: Path::new("drive"),
        variables: &scratch.join("efi-variables.fd"),
        ssh_port: 2222,
    };
    let made = qemu_command(request, &files, &HostPaths { path: path.as_os_str(), root: dir })?;
    let words: Vec<_> = [made.get_program()].into_iter().chain(made.get_args()).collect();
    let text = words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ");
    Ok(text.replace(dir.to_str().unwrap(), "HOST"))
}

const SLOF: &str =
    "qemu-system-ppc64 -machine pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken -accel tcg -smp 2";

#[test]
fn each_architecture_and_platform_has_its_machine() {
    let dir = tempfile::tempdir().unwrap();
    host(dir.path());
    let cases = [
        (
            Arch::X86_64,
            None,
            "qemu-system-x86_64 -machine q35 -accel tcg -smp 2 -m 1024M -blockdev".to_string(),
        ),
        (Arch::Ppc64le, None, format!("{SLOF} -cpu power9 -m")),
        (Arch::Ppc64le, Some("p8"), format!("{SLOF} -cpu power8 -m")),
        (Arch::Ppc64le, Some("POWER8"), format!("{SLOF} -cpu power8 -m")),
        (Arch::Ppc64le, Some("power9"), format!("{SLOF} -cpu power9 -m")),
        // A word that nobody knows names images; the machine is the architecture's.
        (Arch::Ppc64le, Some("talos"), format!("{SLOF} -cpu power9 -m")),
        (Arch::X86_64, Some("p9"), "qemu-system-x86_64 -machine q35 -accel tcg -smp 2 -m".into()),
        (
            Arch::Aarch64,
            None,
            "qemu-system-aarch64 -machine virt -accel tcg -smp 2 -cpu cortex-a57 -m 1024M -drive \
             if=pflash,unit=0,format=raw,readonly=on,file=HOST/usr/share/AAVMF/AAVMF_CODE.fd"
                .into(),
        ),
    ];
    for (arch, platform, start) in cases {
        let line = line(&request(arch, platform), dir.path()).unwrap();
        assert!(line.starts_with(&start), "{line}");
        for part in [
            "-device virtio-blk-pci,drive=disk,bootindex=0 -blockdev",
            "-device virtio-blk-pci,drive=config,bootindex=1 ",
            "-netdev user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:2222-:22 -device virtio-net-pci,netdev=net0",
            "-serial stdio -monitor unix:HOST/scratch/monitor",
        ] {
            assert!(line.contains(part), "{arch}: no `{part}` in {line}");
        }
    }
}

/// QEMU is told of every file, by which format and driver it is read, and where a chain ends.
#[test]
fn no_file_is_probed() {
    let dir = tempfile::tempdir().unwrap();
    host(dir.path());
    let line = line(&request(Arch::X86_64, None), dir.path()).unwrap();
    let nodes: Vec<Value> = line
        .split(" -blockdev ")
        .skip(1)
        .map(|rest| serde_json::from_str(rest.split(" -device").next().unwrap()).unwrap())
        .collect();
    let file = |driver: &str, name: &str| json!({"driver": driver, "filename": name, "read-only": true});
    let base =
        json!({"driver": "raw", "read-only": true, "file": file("host_device", "HOST/scratch/disk-1")});
    let image = json!({
        "driver": "qcow2", "read-only": true, "file": file("file", "HOST/scratch/disk-0"), "backing": base,
    });
    assert_eq!((&nodes[0]["driver"], &nodes[0]["backing"]), (&json!("qcow2"), &image));
    assert_eq!((&nodes[1]["driver"], &nodes[1]["file"]), (&json!("raw"), &file("file", "drive")));
    assert_eq!(fs::read_link(dir.path().join("scratch/disk-0")).unwrap(), dir.path().join("im,age:x"));
    assert!(line.matches("file=").count() == line.matches("format=raw").count(), "{line}");
    assert_eq!(escaped(Path::new("/a,b:c")), "/a,,b:c");
    let open = BootRequest { network: true, ..request(Arch::X86_64, None) };
    assert!(network(&open, 1).contains("restrict=off"));
}

#[test]
fn firmware_is_the_usual_one_or_the_wished() {
    let dir = tempfile::tempdir().unwrap();
    host(dir.path());
    let with = |arch, what| {
        let request = BootRequest { firmware: Some(what), ..request(arch, None) };
        line(&request, dir.path()).map_err(|error| error.to_string())
    };
    assert!(with(Arch::X86_64, Firmware::Uefi).unwrap().contains("OVMF_CODE_4M.fd"));
    let secure = with(Arch::X86_64, Firmware::SecureBoot).unwrap();
    assert!(secure.contains("-machine q35,smm=on ") && secure.contains("OVMF_CODE_4M.ms.fd"), "{secure}");
    assert!(secure.contains("property=secure,value=on"), "{secure}");
    assert_eq!(
        with(Arch::X86_64, Firmware::Bios),
        line(&request(Arch::X86_64, None), dir.path()).map_err(|_| String::new())
    );
    for (arch, what, said) in [
        (Arch::Ppc64le, Firmware::Uefi, "ppc64le has no uefi firmware; use --firmware bios"),
        (Arch::Aarch64, Firmware::Bios, "aarch64 has no bios firmware; use --firmware uefi"),
    ] {
        assert_eq!(with(arch, what).unwrap_err(), said);
    }
}

#[test]
fn a_kernel_is_started_without_firmware_and_told_its_console() {
    let dir = tempfile::tempdir().unwrap();
    host(dir.path());
    let with = |arch, append: &str| {
        let direct = DirectKernel { kernel: "k".into(), initrd: Some("i".into()), append: append.into() };
        line(&BootRequest { disk: None, direct: Some(direct), ..request(arch, None) }, dir.path()).unwrap()
    };
    for (arch, console) in
        [(Arch::X86_64, "ttyS0,115200"), (Arch::Ppc64le, "hvc0"), (Arch::Aarch64, "ttyAMA0,115200")]
    {
        let line = with(arch, "quiet");
        assert!(
            line.contains(&format!("-kernel k -initrd i -append console={console} quiet -blockdev")),
            "{line}"
        );
        assert!(!line.contains("pflash") && !line.contains("qcow2"), "{line}");
    }
    assert!(with(Arch::X86_64, "a console=tty0").contains("-append a console=tty0 -blockdev"));
    let quoted = "a=\"b console=tty0\" ds=nocloud;s=/x/";
    let told = format!("-append console=ttyS0,115200 {quoted} -blockdev");
    assert!(with(Arch::X86_64, quoted).contains(&told), "a value is no argument");
}

#[test]
fn what_is_missing_is_named_with_its_package() {
    for (arch, gone, said) in [
        (Arch::X86_64, "bin/qemu-system-x86_64", "apt install qemu-system-x86"),
        (
            Arch::Ppc64le,
            "bin/qemu-system-ppc64",
            "qemu-system-ppc64 is not installed; on Debian: apt install qemu-system-ppc",
        ),
        (Arch::Aarch64, "bin/qemu-system-aarch64", "apt install qemu-system-arm"),
        (
            Arch::Aarch64,
            "usr/share/AAVMF/AAVMF_CODE.fd",
            "no uefi firmware for aarch64: looked for /usr/share/AAVMF/AAVMF_CODE.fd, ",
        ),
        (Arch::Aarch64, "usr/share/AAVMF/AAVMF_VARS.fd", "on Debian: apt install qemu-efi-aarch64"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        host(dir.path());
        fs::remove_file(dir.path().join(gone)).unwrap();
        let error = line(&request(arch, None), dir.path()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
