//! System calls that rustix does not offer in safe form. All `unsafe` of the program is here, so that it can be read in one sitting.
//!
//! In: descriptors and flags. Out: what the kernel answered. Never: a decision; and no other module of dibber is unsafe.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use rustix::thread::UnshareFlags;

/// Brings the loopback interface of this network namespace up (`netdevice(7)`). The kernel then gives it 127.0.0.1 and ::1.
pub(crate) fn loopback_up() -> io::Result<()> {
    // Any socket does, whatever its family.
    let socket = std::os::unix::net::UnixDatagram::unbound()?;
    // SAFETY: an all-zero ifreq is valid: an empty name, no flags.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[..2].copy_from_slice(&[b'l' as libc::c_char, b'o' as libc::c_char]);
    // SAFETY: the socket is open, and the request is a live ifreq whose name ends with a NUL; the kernel fills in the flags.
    let asked = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS, &raw mut request) };
    answered(asked.into())?;
    // SAFETY: SIOCGIFFLAGS has filled this member of the union.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    request.ifr_ifru.ifru_flags = flags | libc::IFF_UP as libc::c_short;
    // SAFETY: as above; the kernel only reads the request.
    let set = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    answered(set.into()).map(drop)
}

/// Which side of a [`fork`] this is.
pub(crate) enum Fork {
    /// The process that forked, with the child's id.
    Parent(Pid),
    /// The new process.
    Child,
}

/// `fork(2)`. Only for processes of one thread, which the callers here are: they fork before anything else runs.
pub(crate) fn fork() -> io::Result<Fork> {
    // SAFETY: the process has one thread, so no lock is held by a thread that the child would lack.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(Pid::from_raw(pid).expect("fork answers with a positive id"))),
    }
}

/// `unshare(2)`.
pub(crate) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: unsafe in rustix for the sake of CLONE_FILES, which no caller here passes.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(io::Error::from)
}

/// Sets mount attributes (`MOUNT_ATTR_*`) on a mount and on all below it, and makes their propagation private
/// (`mount_setattr(2)`, Linux 5.12).
pub(crate) fn set_attributes(mount: BorrowedFd<'_>, set: u64) -> io::Result<()> {
    let attributes =
        libc::mount_attr { attr_set: set, attr_clr: 0, propagation: libc::MS_PRIVATE, userns_fd: 0 };
    // SAFETY: the path is a static C string, and the size passed is the size of the struct behind the pointer.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    answered(answer).map(drop)
}

/// Whether the kernel has `mount_setattr(2)`: it answers an impossible call with something else than ENOSYS.
pub(crate) fn has_mount_setattr() -> bool {
    // SAFETY: a null pointer of size 0 is refused before it is read.
    let answer = unsafe {
        libc::syscall(libc::SYS_mount_setattr, -1, c"".as_ptr(), 0, std::ptr::null::<libc::mount_attr>(), 0)
    };
    answer != -1 || io::Error::last_os_error().raw_os_error() != Some(libc::ENOSYS)
}

/// Ignores signals that a terminal sends to its whole process group, so that only the person's process decides.
pub(crate) fn ignore_terminal_signals() {
    for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP, libc::SIGTTOU, libc::SIGWINCH] {
        // SAFETY: SIG_IGN runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Does something to a terminal that stops processes in the background, without being stopped.
pub(crate) fn while_in_background<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: SIG_IGN runs no code of ours; the disposition that was there is put back.
    let before = unsafe { libc::signal(libc::SIGTTOU, libc::SIG_IGN) };
    let done = work();
    // SAFETY: what signal() answered is what it takes.
    unsafe { libc::signal(libc::SIGTTOU, before) };
    done
}

/// Every signal at its default, none blocked: what a program expects to be started with.
pub(crate) fn default_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: SIG_DFL runs no code of ours; the two signals that cannot be set, and the C library's own, are refused.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: an all-zero sigset_t is a valid set, which sigemptyset then fills; the old mask is not asked for.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Marks every descriptor from 3 on as closed by the next exec (`close_range(2)`, Linux 5.11).
pub(crate) fn close_on_exec() -> io::Result<()> {
    // SAFETY: closes nothing now, so no descriptor that is in use is lost.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    answered(answer).map(drop)
}

/// A session keyring of its own, so that the person's keys are not in reach. Kernels without keyrings have no keys.
pub(crate) fn leave_keyring() {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: a null name asks for an anonymous keyring; no memory is passed.
    unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) };
}

/// `struct landlock_ruleset_attr` of `linux/landlock.h`, as of ABI 6.
#[repr(C)]
struct LandlockRuleset {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

/// Whether the kernel's Landlock has scopes: ABI 6, Linux 6.12.
pub(crate) fn can_scope() -> bool {
    const LANDLOCK_CREATE_RULESET_VERSION: libc::c_long = 1;
    // SAFETY: the version query takes no memory.
    let abi = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<LandlockRuleset>(),
            0,
            LANDLOCK_CREATE_RULESET_VERSION,
        )
    };
    abi >= 6
}

/// Keeps this process and its children from abstract sockets and signals of processes outside. Tells whether the kernel
/// could: older ones, and those without Landlock, cannot.
pub(crate) fn scope_to_descendants() -> bool {
    const SCOPE_ABSTRACT_UNIX_SOCKET: u64 = 1;
    const SCOPE_SIGNAL: u64 = 2;
    if !can_scope() {
        return false;
    }
    let ruleset = LandlockRuleset {
        handled_access_fs: 0,
        handled_access_net: 0,
        scoped: SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL,
    };
    // SAFETY: the pointer and the size describe one live struct; a descriptor that is answered is ours alone.
    let made = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, &raw const ruleset, size_of::<LandlockRuleset>(), 0)
    };
    let Ok(made) = answered(made) else { return false };
    // SAFETY: the kernel has just opened this descriptor for us.
    let made = unsafe { OwnedFd::from_raw_fd(made as i32) };
    // SAFETY: takes a descriptor and flags.
    unsafe { libc::syscall(libc::SYS_landlock_restrict_self, made.as_raw_fd(), 0) == 0 }
}

/// Has the kernel ask this filter about every system call of this process and its children from now on (seccomp(2)). Wants
/// CAP_SYS_ADMIN in this user namespace. The processor's guesses are as they were: a filter that slowed them would slow every
/// hook, and hides nothing from a hook that the hook could guess at.
pub(crate) fn filter_calls(filter: &[libc::sock_filter]) -> io::Result<()> {
    let len = u16::try_from(filter.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len, filter: filter.as_ptr().cast_mut() };
    // SAFETY: the program describes a live slice, which the kernel copies and does not write to.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
            &raw const program,
        )
    };
    answered(answer).map(drop)
}

/// Whether this program was started with a signal ignored, or has come to ignore it since (nohup(1); a shell's background).
pub(crate) fn is_ignored(signal: i32) -> bool {
    // SAFETY: an all-zero sigaction is valid to be filled; nothing is set.
    unsafe {
        let mut found: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut found) == 0 && found.sa_sigaction == libc::SIG_IGN
    }
}

/// Lets signals through that whoever started this program had blocked. For the first thread, before there are others.
pub(crate) fn unblock(signals: &[i32]) -> io::Result<()> {
    // SAFETY: an all-zero sigset_t is a valid set, which sigemptyset then fills; the old mask is not asked for.
    let answer = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut())
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(answer)) }
}

/// Has the kernel kill the program that a command starts when the thread that starts it ends (PR_SET_PDEATHSIG of prctl(2)).
pub(crate) fn die_with_caller(command: &mut Command) {
    let caller = rustix::process::getpid();
    let ask = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have ended before that was asked.
        if rustix::process::getppid() == Some(caller) { Ok(()) } else { Err(Errno::SRCH.into()) }
    };
    // SAFETY: two system calls, without a lock or an allocation.
    unsafe { command.pre_exec(ask) };
}

/// Whether SIGPIPE was ignored when this program was started; Rust's runtime ignores it always.
static PIPE_IGNORED: AtomicBool = AtomicBool::new(false);

/// Whether there was no standard output when this program was started; Rust's runtime opens /dev/null in its place.
static OUTPUT_CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether this program was started with its standard output closed: what goes there is lost.
pub fn is_output_closed() -> bool {
    OUTPUT_CLOSED.load(Ordering::Relaxed)
}

/// Runs before the runtime does.
#[used]
// SAFETY: the section holds pointers to functions that the C library calls once, before main.
#[unsafe(link_section = ".init_array")]
static REMEMBER_START: extern "C" fn() = remember_start;

/// No lock, no allocation: this is before main.
extern "C" fn remember_start() {
    PIPE_IGNORED.store(is_ignored(libc::SIGPIPE), Ordering::Relaxed);
    // SAFETY: asks for the flags of a number that need not be open.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    OUTPUT_CLOSED.store(flags == -1, Ordering::Relaxed);
}

/// Closes the program that the kernel opened for its interpreter (binfmt_misc's flag O), if it did.
pub(crate) fn close_executed() {
    // SAFETY: reads the auxiliary vector.
    let fd = unsafe { libc::getauxval(libc::AT_EXECFD) };
    if let Ok(fd @ 3..) = i32::try_from(fd) {
        // SAFETY: the kernel opened it for this process, and nothing here has a handle to it.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}

/// `execv(3)` of the first word, with signals as this program was started with them. Returns only if it fails.
pub(crate) fn execute(words: &[CString]) -> io::Error {
    if !PIPE_IGNORED.load(Ordering::Relaxed) {
        // SAFETY: SIG_DFL runs no code of ours.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    }
    let Some(first) = words.first() else { return io::ErrorKind::InvalidInput.into() };
    let pointers: Vec<_> = words.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect();
    // SAFETY: the strings outlive the call, and the list of pointers to them ends with a null.
    unsafe { libc::execv(first.as_ptr(), pointers.as_ptr()) };
    io::Error::last_os_error()
}

fn answered(answer: libc::c_long) -> io::Result<libc::c_long> {
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}
