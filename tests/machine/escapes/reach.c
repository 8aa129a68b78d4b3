/* Asks the kernel for what no hook may have. Each word is an attempt: exit code 0 says that it came through. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static int connect_to(const char *name, int is_abstract) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    memcpy(at.sun_path + is_abstract, name, length);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&at, offsetof(struct sockaddr_un, sun_path) + is_abstract + length + !is_abstract);
}

static int enters(const char *kind) {
    char path[64];
    snprintf(path, sizeof path, "/proc/1/ns/%s", kind);
    int fd = open(path, O_RDONLY);
    struct stat theirs, ours;
    /* One's own namespace is no way out. */
    if (fd < 0 || fstat(fd, &theirs)) return -1;
    snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
    if (stat(path, &ours) || theirs.st_ino == ours.st_ino) return -1;
    return setns(fd, 0);
}

/* The classic: a chroot below the working directory, then up and out. Came through if a host file is there. */
static int climbs(const char *mark) {
    mkdir("/tmp/below", 0755);
    int fd = open("/", O_RDONLY);
    if (chroot("/tmp/below") || fchdir(fd)) return -1;
    for (int i = 0; i < 64; i++) if (chdir("..")) return -1;
    if (chroot(".")) return -1;
    return access(mark, F_OK);
}

/* A handle of the root's file system, by its number: inode 2 is the root of ext4 and its like. */
static int by_handle(const char *path) {
    union { struct file_handle handle; char room[sizeof(struct file_handle) + MAX_HANDLE_SZ]; } at;
    int mount = 0;
    at.handle.handle_bytes = MAX_HANDLE_SZ;
    if (name_to_handle_at(AT_FDCWD, path, &at.handle, &mount, 0)) return -1;
    int where = open(path, O_RDONLY);
    return open_by_handle_at(where, &at.handle, O_RDONLY) < 0 ? -1 : 0;
}

static int reads_memory(pid_t pid) {
    char here[8];
    struct iovec local = {here, sizeof here}, remote = {(void *)0x400000, sizeof here};
    return process_vm_readv(pid, &local, 1, &remote, 1, 0) < 0 ? -1 : 0;
}

static int pushes(const char *terminal) {
    int fd = open(terminal, O_RDWR);
    return fd < 0 ? -1 : ioctl(fd, TIOCSTI, "\n");
}

int main(int count, char **word) {
    const char *what = count > 1 ? word[1] : "", *with = count > 2 ? word[2] : "";
    int answer = -1;
    if (!strcmp(what, "socket")) answer = connect_to(with, 0);
    else if (!strcmp(what, "abstract")) answer = connect_to(with, 1);
    else if (!strcmp(what, "setns")) answer = enters(with);
    else if (!strcmp(what, "climb")) answer = climbs(with);
    else if (!strcmp(what, "handle")) answer = by_handle(with);
    else if (!strcmp(what, "ptrace")) answer = ptrace(PTRACE_ATTACH, 1, 0, 0);
    else if (!strcmp(what, "memory")) answer = reads_memory(1);
    else if (!strcmp(what, "tiocsti")) answer = pushes(with);
    else if (!strcmp(what, "keyctl")) answer = syscall(SYS_keyctl, 0, -3, 1) < 0 ? -1 : 0;
    else if (!strcmp(what, "add_key")) answer = syscall(SYS_add_key, "user", "k", "v", 1, -3) < 0 ? -1 : 0;
    else if (!strcmp(what, "bpf")) answer = syscall(SYS_bpf, 0, with, 0) < 0 && (errno == EPERM || errno == ENOSYS) ? -1 : 0;
    else if (!strcmp(what, "perf")) answer = syscall(SYS_perf_event_open, 0, 0, -1, -1, 0) < 0 && (errno == EPERM || errno == ENOSYS || errno == EACCES) ? -1 : 0;
    else if (!strcmp(what, "userfaultfd")) answer = syscall(SYS_userfaultfd, 0) < 0 ? -1 : 0;
    else if (!strcmp(what, "module")) answer = syscall(SYS_init_module, "", 0, "") < 0 && (errno == EPERM || errno == ENOSYS) ? -1 : 0;
    else if (!strcmp(what, "kexec")) answer = syscall(SYS_kexec_load, 0, 0, 0, 0) < 0 && (errno == EPERM || errno == ENOSYS) ? -1 : 0;
    else if (!strcmp(what, "swap")) answer = syscall(SYS_swapoff, "/nothing") < 0 && (errno == EPERM || errno == ENOSYS) ? -1 : 0;
    else if (!strcmp(what, "clock")) answer = syscall(SYS_clock_settime, 0, 0) < 0 && errno != EFAULT ? -1 : 0;
    else if (!strcmp(what, "mount")) answer = mount(with, "/tmp", count > 3 ? word[3] : "ext4", 0, 0);
    else if (!strcmp(what, "owner")) { close(open("/tmp/owned", O_CREAT | O_WRONLY, 0600)); answer = chown("/tmp/owned", (uid_t)atol(with), -1); }
    else if (!strcmp(what, "become")) answer = setuid((uid_t)atol(with));
    else { fprintf(stderr, "reach: what is %s?\n", what); return 2; }
    return answer < 0 ? 1 : 0;
}
