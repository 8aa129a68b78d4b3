//! Images of diskimage-builder's own elements as they are on PyPI, first in the path: with dib's own plumbing, which is Python in the tree.
//!
//! In: dib's virtual environment (`DIBBER_DIB_VENV`), Debian's archive, PyPI. Out: verdicts. Never: a file of dib's changed.

use std::fs;
use std::path::PathBuf;

use dibber_tests::accepts;
use dibber_tests::workshop::Workshop;

/// dib's elements, installed by pip.
pub(crate) fn elements() -> String {
    let venv = std::env::var("DIBBER_DIB_VENV")
        .expect("DIBBER_DIB_VENV names dib's virtual environment; scripts/test makes one");
    let library = fs::read_dir(PathBuf::from(venv).join("lib")).expect("a library").flatten();
    let places = library.map(|python| python.path().join("site-packages/diskimage_builder/elements"));
    let place = places.into_iter().find(|place| place.is_dir()).expect("diskimage-builder is installed");
    place.to_str().expect("UTF-8").to_string()
}

/// An image of dib's elements, and of the workshop's own.
fn image(shop: &Workshop, name: &str, elements: &str, outputs: &str) -> String {
    let release =
        "{DIB_RELEASE: bookworm, DIB_DEBIAN_SECURITY_MIRROR: 'http://deb.debian.org/debian-security'}";
    shop.file(
        &format!("{name}.yaml"),
        &format!(
            "disk_images:\n  - imagename: {name}\n    arch: x86_64\n    elements: {elements}\n    outputs: {outputs}\n    \
             environment: {release}\n"
        ),
    )
}

fn build(shop: &Workshop, image: &str) {
    let path = format!("{}:{}", elements(), shop.text("elements"));
    let out = shop.text("work/out");
    shop.run(&["build", image, "--elements-path", &path, "-o", &out]).well();
}

/// Kernel and ramdisk come from the element's own hook, which writes them where it works.
#[test]
fn debian_minimal_and_baremetal_are_built_by_dibs_own_plumbing() {
    let shop = Workshop::new();
    build(&shop, &image(&shop, "up", "[debian-minimal, baremetal]", "[tar, qcow2, vmlinuz, initrd]"));
    let tar = shop.text("work/out/up.tar");
    let names = accepts("tar", &["-tf", &tar]);
    for name in ["./usr/local/bin/package-installs-v2", "./usr/bin/python3"] {
        assert!(names.lines().any(|line| line == name), "{name} is missing");
    }
    let kernel = names.lines().find_map(|line| line.strip_prefix("./boot/vmlinuz-")).expect("a kernel");
    for (output, path) in [("vmlinuz", "vmlinuz-"), ("initrd", "initrd.img-")] {
        let inside = shop.text(&format!("work/{output}"));
        accepts("sh", &["-c", &format!("tar -xOf {tar} ./boot/{path}{kernel} > {inside}")]);
        accepts("cmp", &[&inside, &shop.text(&format!("work/out/up.{output}"))]);
    }
    accepts("qemu-img", &["check", &shop.text("work/out/up.qcow2")]);
}

/// dib's own boot loader element makes the menu with grub-mkconfig.
#[test]
fn a_disk_of_dibs_own_boot_loader_boots_from_bios_and_uefi() {
    let shop = Workshop::new();
    build(&shop, &image(&shop, "disk", "[debian-minimal, vm, block-device-efi, bootloader]", "[qcow2]"));
    for firmware in ["bios", "uefi"] {
        let disk = shop.text("work/out/disk.qcow2");
        let boot = [
            "boot",
            &disk,
            "--firmware",
            firmware,
            "--accel",
            "tcg",
            "--timeout",
            "600",
            "--expect",
            "login:",
        ];
        shop.run(&boot).well();
    }
}

/// For bookworm's Python.
const ANSIBLE: [&str; 5] =
    ["--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64", "ansible-core==2.17.14"];

/// What Ansible's modules ask of a system that is not booted.
const PLAYBOOK: &str = "
- hosts: localhost
  connection: local
  tasks:
    - apt: {name: cron, state: present, install_recommends: false}
    - user: {name: deployer, uid: 1500, shell: /bin/bash}
    - lineinfile: {path: /etc/hosts, line: 192.0.2.1 registry}
    - copy: {dest: /opt/unit.j2, content: \"[Service]\\nExecStart=/bin/sleep {{ '{{' }} seconds {{ '}}' }}\\n[Install]\\nWantedBy=multi-user.target\\n\"}
    - template: {src: /opt/unit.j2, dest: /etc/systemd/system/trial.service}
      vars: {seconds: 60}
    - systemd: {name: trial, enabled: true, state: started, daemon_reload: true}
    - systemd: {name: fstrim.timer, masked: true}
    - service: {name: cron, enabled: false, state: restarted}
    - command: systemctl is-enabled cron
      register: told
      failed_when: told.rc != 1 or told.stdout != 'disabled'
    - command: udevadm trigger
    - command: modprobe br_netfilter
    - command: sysctl -w net.ipv4.ip_forward=1
";

#[test]
fn an_ansible_playbook_runs_in_the_chroot() {
    let shop = Workshop::new();
    shop.write("ansible/element-deps", "package-installs\n");
    shop.write("ansible/package-installs.yaml", "python3-venv:\nkmod:\nprocps:\nudev:\n");
    shop.write("ansible/playbook.yml", PLAYBOOK);
    shop.hook(
        "ansible/install.d/50-ansible",
        "hooks=$(dirname \"$0\")/..\npython3 -m venv /opt/ansible\n\
         /opt/ansible/bin/pip install -q --no-index --find-links \"$hooks/wheels\" ansible-core\n\
         /opt/ansible/bin/ansible-playbook -i localhost, \"$hooks/playbook.yml\"\nrm -r /opt/ansible",
    );
    // By the machine's pip, which knows the way to PyPI.
    let pip = std::env::var("DIBBER_DIB_VENV").expect("dib's virtual environment") + "/bin/pip";
    let wheels = shop.text("elements/ansible/wheels");
    accepts(
        &pip,
        &[
            &["download", "-q", "--only-binary=:all:", "--python-version", "3.11", "-d", &wheels],
            &ANSIBLE[..],
        ]
        .concat(),
    );
    let image = image(&shop, "roles", "[debian-minimal, ansible]", "[tar]");
    let (out, elements) = (shop.text("work/out"), shop.text("elements"));
    shop.run(&["build", &image, "--elements-path", &elements, "-o", &out]).well();
    let tar = shop.text("work/out/roles.tar");
    let names = accepts("tar", &["-tvf", &tar]);
    let has = |part: &str| names.lines().any(|line| line.ends_with(part));
    assert!(has(
        "./etc/systemd/system/multi-user.target.wants/trial.service -> /etc/systemd/system/trial.service"
    ));
    assert!(has("./etc/systemd/system/fstrim.timer -> /dev/null"));
    assert!(!names.contains("./etc/systemd/system/multi-user.target.wants/cron.service"));
    let content = |path: &str| accepts("tar", &["-xOf", &tar, path]);
    assert!(content("./etc/hosts").contains("192.0.2.1 registry"));
    assert!(content("./etc/passwd").contains("deployer:x:1500:"));
    assert!(content("./etc/systemd/system/trial.service").contains("ExecStart=/bin/sleep 60"));
}
