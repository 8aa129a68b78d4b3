//! What hooks that were written for dib rely on: the directory that they work in, devices in a tree that is being made, programs that speak to a
//! booted system, GRUB's own questions.
//!
//! In: elements of a tiny operating system. Out: files of the set, exit codes of hooks. Never: the network.

use std::fs;

use dibber_tests::accepts;
use dibber_tests::workshop::{USER, Workshop};

fn image(shop: &Workshop, keys: &[(&str, &str)]) -> String {
    let mut all = vec![("elements", "[tiny-os, e]"), ("outputs", "[tar]")];
    all.extend(keys);
    shop.image("good", &all)
}

/// dib's hooks leave kernels, ramdisks, ISO images and sums in the directory of whoever calls dib.
#[test]
fn files_that_hooks_leave_are_of_the_set() {
    for user in [None, Some(USER)] {
        let shop = Workshop::of(user);
        shop.hook("e/extra-data.d/50-early", "echo early > $IMAGE_NAME.early");
        shop.hook(
            "e/cleanup.d/50-leaves",
            "echo pruned | sudo tee $IMAGE_NAME.initramfs > /dev/null\necho kernel > $IMAGE_NAME.kernel\n\
             echo iso > $IMAGE_NAME.iso\ncat $IMAGE_NAME.early > $IMAGE_NAME.late\necho tar > $IMAGE_NAME.tar\n\
             mkdir -p $IMAGE_NAME.d; touch $IMAGE_NAME.d/x; echo log > wget-log",
        );
        let all = image(&shop, &[("outputs", "[tar, kernel, initramfs]")]);
        let told = shop.build(&all, &[]).well();
        assert!(told.err.contains("wget-log"), "{}", told.err);
        let text = |name: &str| fs::read_to_string(shop.out().join(name)).unwrap_or_default();
        for (extension, content) in [
            ("initramfs", "pruned"),
            ("kernel", "kernel"),
            ("iso", "iso"),
            ("late", "early"),
            ("early", "early"),
        ] {
            for stem in ["good", "x86_64-good"] {
                assert_eq!(text(&format!("{stem}.{extension}")).trim(), content, "{stem}.{extension}");
            }
        }
        accepts("tar", &["-tf", &shop.text("work/out/good.tar")]);
        let set = text("images.json");
        assert!(set.contains("x86_64-good.iso") && text("SHA256SUMS").contains("x86_64-good.iso"), "{set}");
        // Nothing changed: nothing is done.
        assert_eq!(shop.build(&all, &["--json"]).well().steps("step_started"), [""; 0]);
        shop.hook(
            "e/cleanup.d/50-leaves",
            "echo kernel > $IMAGE_NAME.kernel; echo pruned > $IMAGE_NAME.initramfs",
        );
        shop.build(&all, &[]).well();
        assert!(!shop.out().join("good.iso").exists(), "a file of the former set is left");
    }
}

/// A kernel that nobody left, and that the tree has not, is an error still.
#[test]
fn a_kernel_that_no_hook_left_is_missed() {
    let shop = Workshop::new();
    shop.hook("e/cleanup.d/50-leaves", "echo kernel > other.kernel");
    shop.build(&image(&shop, &[("outputs", "[tar, kernel]")]), &[]).refuses(3, &["the kernel is wanted"]);
}

/// No user namespace makes a device; with dib there is one in each tree that a bootstrap made.
#[test]
fn a_tree_in_the_making_has_devices() {
    for user in [None, Some(USER)] {
        let shop = Workshop::of(user);
        shop.hook(
            "e/root.d/50-devices",
            r#"sudo chroot $TARGET_ROOT sh -c 'echo gone > /dev/null; cat /dev/null /proc/self/comm; ls /sys/kernel'
[ ! -e $TARGET_ROOT/dev/null ]
[ -z "$(ls -A $TARGET_ROOT/proc)" ]
chroot $TARGET_ROOT true
# Debian's bootstrap, as dib has it.
sudo mount -t proc none $TARGET_ROOT/proc
sudo mount -o ro -t sysfs none $TARGET_ROOT/sys
trap "sudo umount $TARGET_ROOT/proc; sudo umount $TARGET_ROOT/sys" EXIT
chroot $TARGET_ROOT cat /proc/self/comm"#,
        );
        shop.hook(
            "e/root.d/60-gone",
            "for name in proc sys dev; do [ -z \"$(ls -A $TARGET_ROOT/$name)\" ] || { echo $name is there; exit 1; }; done",
        );
        shop.build(&image(&shop, &[]), &[]).well();
    }
}

/// A program of the tree by a name that a stand-in has, which says that it was run.
fn real(name: &str) -> String {
    format!(
        "printf '#!/bin/sh\\necho real {name}; exit 3\\n' > $TARGET_ROOT/usr/bin/{name}; chmod 755 $TARGET_ROOT/usr/bin/{name}\n"
    )
}

#[test]
fn what_is_for_a_booted_system_is_answered() {
    let shop = Workshop::new();
    shop.hook(
        "e/root.d/50-programs",
        &(["udevadm", "modprobe", "sysctl", "journalctl", "hostnamectl", "service"].map(real).concat()
            + "mkdir -p $TARGET_ROOT/usr/lib/locale/C.utf8"),
    );
    shop.hook(
        "e/install.d/50-calls",
        r#"udevadm control --reload-rules
udevadm trigger
modprobe br_netfilter
[ "$(sysctl -w net.ipv4.ip_forward=1)" = 'net.ipv4.ip_forward = 1' ]
sysctl --system
journalctl --flush
hostnamectl set-hostname node7
[ "$(cat /etc/hostname)" = node7 ]
service ssh restart
[ "$(udevadm info /sys || true)" = 'real udevadm' ]
[ "$(service ssh status || true)" = 'real service' ]
if insmod x 2> /dev/null; then exit 1; fi
[ "$SYSTEMD_OFFLINE" = 1 ]
[ "$(sudo sh -c 'echo $SYSTEMD_OFFLINE')" = 1 ]
[ "$(cat /proc/1/comm)" = init ]
[ "$LC_ALL" = C.UTF-8 ]"#,
    );
    shop.build(&image(&shop, &[]), &[]).well();
}

#[test]
fn grub_is_told_where_files_are_on_the_disk() {
    let shop = Workshop::new();
    shop.hook(
        "e/finalise.d/50-grub",
        r#"mkdir -p /boot/grub; touch /boot/vmlinuz-1
[ "$(grub-mkrelpath /boot/vmlinuz-1)" = /boot/vmlinuz-1 ]
[ "$(grub2-mkrelpath -r /)" = / ]"#,
    );
    shop.build(&image(&shop, &[]), &[]).well();
}

/// GRUB's own `grub-mkimage` makes the loader; here a program that writes down what it was asked for.
const MKIMAGE: &str = r#"mkdir -p $TARGET_ROOT/usr/lib/grub/x86_64-efi $TARGET_ROOT/boot/efi
touch $TARGET_ROOT/usr/lib/grub/x86_64-efi/modinfo.sh $TARGET_ROOT/usr/lib/grub/x86_64-efi/linux.mod
cat > $TARGET_ROOT/usr/bin/grub-mkimage <<'END'
#!/bin/bash
all="$*"
while [ $# -gt 0 ]; do
    case $1 in -o) out=$2 ;; -c) config=$2 ;; esac
    shift
done
{ echo "$all"; cat "$config"; } > "$out"
END
chmod 755 $TARGET_ROOT/usr/bin/grub-mkimage"#;

#[test]
fn grub_install_for_uefi_is_answered() {
    let shop = Workshop::new();
    shop.hook("e/root.d/50-grub", MKIMAGE);
    shop.hook(
        "e/finalise.d/50-grub",
        r#"grub-install --modules="part_msdos part_gpt" --removable --target=x86_64-efi --force $IMAGE_BLOCK_DEVICE
grep -q 'search.fs_uuid' /boot/efi/EFI/BOOT/BOOTX64.EFI
grep -q "set prefix=(\$root)'/boot/grub'" /boot/efi/EFI/BOOT/BOOTX64.EFI
grep -q ' linux' /boot/efi/EFI/BOOT/BOOTX64.EFI
[ -f /boot/grub/x86_64-efi/linux.mod ]
[ -n "$DIB_ROOT_UUID" ]"#,
    );
    shop.build(&image(&shop, &[]), &[]).well();
}

/// dib's own tree has directories for its plumbing; where they come from the path, they count.
#[test]
fn plumbing_of_the_path_takes_the_place_of_ours() {
    let shop = Workshop::new();
    shop.write("e/element-deps", "install-bin\nmanifests\n");
    shop.hook("e/bin/greet", "echo from bin");
    shop.hook("install-bin/pre-install.d/01-install-bin", "mkdir -p /usr/local/bin; for file in $(dirname $0)/../bin/*; do cp $file /usr/local/bin/other-${file##*/}; done");
    shop.hook("manifests/extra-data.d/20-manifest-dir", "exit 1");
    shop.write(
        "manifests/environment.d/14-manifests",
        "export DIB_MANIFEST_SAVE_DIR=${DIB_MANIFEST_SAVE_DIR:-${IMAGE_NAME}.d/}\n",
    );
    shop.hook("e/install.d/50-look", "[ ! -e /usr/local/bin/greet ]; [ \"$(other-greet)\" = 'from bin' ]; [ \"$DIB_MANIFEST_SAVE_DIR\" = good.d/ ]; [ -d /etc/dib-manifests ]");
    shop.hook(
        "tiny-os/root.d/20-install",
        "ln -s busybox $TARGET_ROOT/bin/install; ln -s busybox $TARGET_ROOT/bin/dirname",
    );
    shop.build(&image(&shop, &[]), &[]).well();
}
