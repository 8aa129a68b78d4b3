# Functions that hooks find in dib's img-functions.

# run_in_target WORDS...: runs a line of shell inside the tree.
run_in_target() {
    # shellcheck disable=SC2016  # The tree's own PATH is meant.
    HOME=/root sudo -E chroot "$TMP_MOUNT_PATH" env -u TMPDIR -u VIRTUAL_ENV \
        PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" sh -c "$*"
}

# do_extra_package_install: packages that the image itself asks for are a step of their own.
do_extra_package_install() {
    :
}

# unmount_image, cleanup, trap_cleanup: what is mounted below the tree; the rest ends with the hook.
unmount_image() {
    sync
    unmount_dir "$TMP_BUILD_DIR/mnt"
}
cleanup() {
    unmount_image
}
trap_cleanup() {
    local status=$?
    cleanup
    exit "$status"
}

# The newest of the names that match a pattern in BOOTDIR; nothing if there is none.
newest_in_boot() { # pattern, what is left out
    # shellcheck disable=SC2012,SC2015,SC2086  # Versions are sorted by ls, and the pattern is to match.
    { cd "$BOOTDIR" && ls -1rvd $1 || true; } 2> /dev/null | { grep -v -e "${2:-^$}" || true; } | head -n 1
}

# select_boot_kernel_initrd TREE: sets BOOTDIR, KERNEL and RAMDISK: a directory, and names in it.
select_boot_kernel_initrd() {
    TARGET_ROOT=$1
    BOOTDIR=$TARGET_ROOT/boot
    local kernels='vmlinu[xz]-*' ramdisks='initrd.img-* initramfs-* initrd-*' version
    if [ -n "${DIB_BAREMETAL_KERNEL_PATTERN:-}" ] && [ -n "${DIB_BAREMETAL_INITRD_PATTERN:-}" ]; then
        kernels=$DIB_BAREMETAL_KERNEL_PATTERN ramdisks=$DIB_BAREMETAL_INITRD_PATTERN
        KERNEL=$(newest_in_boot "$kernels")
        RAMDISK=$(newest_in_boot "$ramdisks")
    else
        KERNEL=$(newest_in_boot "$kernels" debug)
        version=${KERNEL#vmlinu?-}
        for RAMDISK in "initrd.img-$version" "initramfs-$version.img" "initramfs-$version" "initrd-$version"; do
            [ ! -e "$BOOTDIR/$RAMDISK" ] || break
        done
        [ -e "$BOOTDIR/$RAMDISK" ] || RAMDISK=$(newest_in_boot "$ramdisks" kdump)
        if [ -f "$TARGET_ROOT/dib-signed-kernel-version" ]; then
            # shellcheck disable=SC1091
            . "$TARGET_ROOT/dib-signed-kernel-version"
            KERNEL=$(newest_in_boot 'vmlinu*.efi.signed')
        fi
    fi
    if [ -z "$KERNEL" ] || [ -z "$RAMDISK" ]; then
        echo "there is no kernel with an initial ramdisk in $BOOTDIR"
        exit 1
    fi
}
