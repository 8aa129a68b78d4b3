# Functions that hooks outside the tree find in dib's common-functions.
DIB_RUN_PARTS=dib-run-parts

# tmpfs_check: whether a build directory in memory is wanted. There is none.
tmpfs_check() {
    return 1
}

# check_break POINT COMMAND...: runs a command if the break point is among those of the variable `break`.
check_break() {
    case ,${break:-}, in
    *,"$1",*)
        shift
        "$@"
        ;;
    esac
}

# check_element, generate_hooks: the hooks lie where they are to be run.
check_element() {
    [ -d "$TMP_HOOKS_PATH" ]
}
generate_hooks() {
    check_element
}

# run_d PHASE [FILE]: runs a directory of hooks outside the tree, and keeps what they print in a file.
run_d() {
    local hooks=$TMP_HOOKS_PATH/$1.d
    check_break "before-$1" "${break_cmd:-bash}"
    if [ -d "$hooks" ] && [ -n "${2:-}" ]; then
        "$DIB_RUN_PARTS" "$hooks" | tee "$2"
        [ "${PIPESTATUS[0]}" = 0 ] || return 1
    elif [ -d "$hooks" ]; then
        "$DIB_RUN_PARTS" "$hooks" || return
    fi
    check_break "after-$1" bash
}

# eval_run_d PHASE PATTERN: the same; the lines that match are taken for assignments.
eval_run_d() {
    local printed
    printed=$(mktemp)
    run_d "$1" "$printed"
    eval "$(grep "$2" "$printed" || true)"
    rm -f "$printed"
}

# mount_dev_pts_options: options of mount(8) for another /dev/pts like the one that there is.
mount_dev_pts_options() {
    echo "-o $(findmnt --first-only /dev/pts --noheadings --output OPTIONS)"
}

# mount_proc_dev_sys: the kernel's file systems, in the tree.
mount_proc_dev_sys() {
    sudo mount -t proc none "$TMP_MOUNT_PATH/proc"
    sudo mount --bind /dev "$TMP_MOUNT_PATH/dev"
    # shellcheck disable=SC2046  # It prints two words.
    sudo mount -t devpts $(mount_dev_pts_options) devpts "$TMP_MOUNT_PATH/dev/pts"
    sudo mount -o ro -t sysfs none "$TMP_MOUNT_PATH/sys"
}

# unmount_dir DIRECTORY: unmounts what is mounted below it, the last first.
unmount_dir() {
    local real mount_point
    if [ ! -d "$1" ]; then
        echo "*** $1 is not a directory"
        return 0
    fi
    real=$(readlink -e "$1")
    while IFS= read -r mount_point; do
        echo "Unmount $mount_point"
        sudo umount -fl "$mount_point" || true
    done < <(awk -v below="$real/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r)
}

# finish_image NAME, save_image NAME: takes the file of OUT_IMAGE_PATH for the image of that name.
finish_image() {
    if [ -f "$1" ] && [ "${OVERWRITE_OLD_IMAGE:-0}" = 0 ]; then
        mv "$1" "${1%.*}-$(date +%Y.%m.%d-%H.%M.%S).${1##*.}"
    fi
    mv "$OUT_IMAGE_PATH" "$1"
    echo "Image file $1 created..."
}
save_image() {
    finish_image "$1"
}

# What ends with the hook's namespaces, and is not to be taken away before.
kill_chroot_processes() {
    :
}
cleanup_build_dir() {
    :
}
cleanup_image_dir() {
    :
}
