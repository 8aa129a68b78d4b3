# Attempts of a hook to get out, one a line: a name, whether it is for the host's side, the chroot's or both, then what is run
# by bash. It came through if it exits 0. $REACH is the program of reach.c, $MARK a file of the host beside secrets, $BASE the
# directory of the person who builds, $CACHE and $OUT are theirs. What is opened is never written to.
core-pattern        both    exec 3>>/proc/sys/kernel/core_pattern
modprobe-path       both    exec 3>>/proc/sys/kernel/modprobe
hotplug             both    exec 3>>/sys/kernel/uevent_helper
drop-caches         both    exec 3>>/proc/sys/vm/drop_caches
overcommit          both    exec 3>>/proc/sys/vm/overcommit_memory
sysrq               both    exec 3>>/proc/sysrq-trigger
panic               both    exec 3>>/proc/sys/kernel/panic
power               both    exec 3>>/sys/power/state
kernel-memory       both    exec 3<>/dev/mem
kernel-core         both    head -c 16 /proc/kcore
kernel-log-device   both    exec 3<>/dev/kmsg
ports               both    exec 3<>/dev/port
fuse                both    exec 3<>/dev/fuse
kvm                 both    exec 3<>/dev/kvm
loop-device         both    exec 3<>/dev/loop0
loop-control        both    exec 3<>/dev/loop-control
first-disk          both    exec 3</dev/vda || exec 3</dev/sda || exec 3</dev/nvme0n1
terminal            both    exec 3<>/dev/tty
console             both    exec 3<>/dev/console
all-block-devices   host    find /dev -type b | grep -q .
mknod-block         host    /usr/bin/mknod /run/disk b 7 0
mknod-char          host    /usr/bin/mknod /run/mem c 1 1
sys-write           both    echo > /sys/kernel/dibber-trial
init-environment    both    cat /proc/1/environ
init-descriptors    both    cat /proc/1/fd/0
init-memory         both    cat /proc/1/mem
init-root           both    ls /proc/1/root/
init-directory      both    ls /proc/1/cwd/
init-program        both    cat /proc/1/exe
shim                both    exec 3>>/run/dibber/shim/sudo
shim-removed        both    rm /run/dibber/shim/sudo
shim-renamed        both    mv /run/dibber/shim/sudo /run/dibber/shim/x
store               both    ls /run/dibber/store/
stage               both    ls /run/dibber/stage/
template            both    ls /run/dibber/root/
given               both    ls /run/dibber/given/
caches              both    ls "$CACHE/checkpoints"
outputs             both    ls "$OUT/"
home-of-root        both    ls /root/dibber-escape-secret
home-of-user        both    ls /home/dibber-trial/
secret-by-name      both    cat "$MARK"
secret-in-srv       both    cat /srv/dibber-escape-secret
secret-in-opt       both    cat /opt/dibber-escape-secret
secret-in-mnt       both    cat /mnt/dibber-escape-secret
secret-in-etc       both    grep -q SECRET /etc/dibber-escape-secret
secret-in-etc-dir   both    grep -q SECRET /etc/dibber-escape-dir/secret
secret-in-local     both    grep -q SECRET /usr/local/share/dibber-escape-secret
secret-in-tmp       both    cat /tmp/dibber-escape-secret
secret-in-shm       both    cat /dev/shm/dibber-escape-secret
secret-in-run       both    cat /run/dibber-escape-secret
secret-in-var-tmp   both    cat /var/tmp/dibber-escape-secret
secret-in-var-log   both    cat /var/log/dibber-escape-secret
secret-by-init      both    cat "/proc/1/root$MARK"
secret-by-parent    both    cat "/proc/$PPID/root$MARK"
secret-by-climbing  both    $REACH climb "$MARK"
shadow              host    grep -q : /etc/shadow
passwd-write        host    exec 3>>/etc/passwd
etc-write           host    touch /etc/dibber-trial
usr-write           host    touch /usr/dibber-trial
var-write           host    touch /var/lib/dpkg/dibber-trial
hosts-write         host    exec 3>>/etc/hosts
resolv-write        host    exec 3>>/etc/resolv.conf
remount             host    /bin/mount -o remount,rw / && touch /etc/dibber-trial
remount-bind        host    /bin/mount -o remount,rw,bind /usr && touch /usr/dibber-trial
remount-etc         host    /bin/mount -o remount,rw,bind /etc && touch /etc/dibber-trial
remount-shim        host    /bin/mount -o remount,rw,bind /run/dibber/shim; exec 3>>/run/dibber/shim/sudo
suid                host    /bin/mount -o remount,suid,bind /usr
uncover-etc         host    for n in 1 2 3; do /bin/umount -l /etc/shadow; done; grep -q SECRET /etc/dibber-escape-secret
uncover-run         host    for n in 1 2 3; do /bin/umount -l /run; done; ls /run/dibber-escape-secret /run/dibber/store/checkpoints
uncover-root        host    for n in 1 2 3; do /bin/umount -l /; done; ls "$MARK"
mount-disk          both    $REACH mount /dev/loop0 ext4
mount-proc          both    $REACH mount proc fuse
mount-debug         both    $REACH mount debugfs debugfs
mount-trace         both    $REACH mount tracefs tracefs
mount-security      both    $REACH mount securityfs securityfs
enter-mounts        both    $REACH setns mnt
enter-users         both    $REACH setns user
enter-processes     both    $REACH setns pid
enter-host-names    both    $REACH setns uts
by-handle           both    $REACH handle /
by-handle-usr       host    $REACH handle /usr
trace-init          both    $REACH ptrace
read-init           both    $REACH memory
own-as-unmapped     both    $REACH owner 2000000000
own-as-overflow     both    $REACH owner 4294967294
become-unmapped     both    $REACH become 2000000000
socket-in-run       both    $REACH socket /run/dibber-escape.sock
socket-in-tmp       both    $REACH socket /tmp/dibber-escape.sock
socket-by-name      both    $REACH socket "$MARK.sock"
keyring             both    $REACH keyctl
keyring-add         both    $REACH add_key
bpf                 both    $REACH bpf
perf                both    $REACH perf
userfaultfd         both    $REACH userfaultfd
module              both    $REACH module
kexec               both    $REACH kexec
swap                both    $REACH swap
push-input          both    $REACH tiocsti /dev/tty
push-input-stdin    both    $REACH tiocsti /dev/stdin
socket-in-local     both    $REACH socket /usr/local/share/dibber-escape.sock
cgroups             both    unshare -C true
outer-processes     both    unshare -m sh -c 'umount -l /proc && cat /proc/1/mountinfo'
cgroups-and-mounts  host    unshare -C -m sh -c '/bin/mount -t cgroup2 none /tmp && ls /tmp/cgroup.procs'
