//! What no hook needs of the kernel: system calls that are refused to it, on top of what the namespaces refuse.
//!
//! In: the machine's architecture. Out: a filter (seccomp(2)) on this process and on all that it becomes. Never: a call refused
//! that a package manager, a bootstrap or a nested sandbox makes: mount, unshare, clone, pivot_root and ptrace stay, but for
//! cgroup namespaces.
//!
//! The filter asks for no `no_new_privs`, which would make `sudo` and `su` in a tree powerless: it is installed while the process
//! has CAP_SYS_ADMIN in its own user namespace. A processor's second ABI (i386 on x86_64, 32-bit Arm on aarch64) has the same
//! rules under its own numbers; any other has no system calls.

use std::io;

use libc::sock_filter;

use crate::kernel;

/// One ABI of the machine: how the kernel tells a call of it (`AUDIT_ARCH_*` of `linux/audit.h`), and its numbers.
struct Abi {
    audit: u32,
    numbers: Numbers,
}

/// Numbers of the calls that are looked at. What an ABI does not have is [`NONE`].
struct Numbers {
    add_key: u32,
    request_key: u32,
    keyctl: u32,
    bpf: u32,
    userfaultfd: u32,
    perf_event_open: u32,
    kexec_load: u32,
    kexec_file_load: u32,
    init_module: u32,
    finit_module: u32,
    delete_module: u32,
    open_by_handle_at: u32,
    syslog: u32,
    ioctl: u32,
    socket: u32,
    /// Makes sockets too, by its first argument.
    socketcall: u32,
    clone: u32,
    unshare: u32,
    io_setup: u32,
}

/// No call has it.
const NONE: u32 = u32::MAX;

/// Calls of x32, another ABI under x86_64's name, have this bit (`__X32_SYSCALL_BIT`).
#[cfg(target_arch = "x86_64")]
const X32: Option<u32> = Some(0x4000_0000);
#[cfg(not(target_arch = "x86_64"))]
const X32: Option<u32> = None;

/// Numbers that came after all ABIs were given the same ones (Linux 5.0).
const IO_URING: [u32; 3] = [425, 426, 427];
const CLONE3: u32 = 435;

#[cfg(target_arch = "x86_64")]
const ABIS: &[Abi] = &[
    Abi { audit: 0xC000_003E, numbers: NATIVE },
    // i386: arch/x86/entry/syscalls/syscall_32.tbl
    Abi {
        audit: 0x4000_0003,
        numbers: Numbers {
            add_key: 286,
            request_key: 287,
            keyctl: 288,
            bpf: 357,
            userfaultfd: 374,
            perf_event_open: 336,
            kexec_load: 283,
            kexec_file_load: NONE,
            init_module: 128,
            finit_module: 350,
            delete_module: 129,
            open_by_handle_at: 342,
            syslog: 103,
            ioctl: 54,
            socket: 359,
            socketcall: 102,
            clone: 120,
            unshare: 310,
            io_setup: 245,
        },
    },
];

#[cfg(target_arch = "aarch64")]
const ABIS: &[Abi] = &[
    Abi { audit: 0xC000_00B7, numbers: NATIVE },
    // Arm EABI: arch/arm/tools/syscall.tbl
    Abi {
        audit: 0x4000_0028,
        numbers: Numbers {
            add_key: 309,
            request_key: 310,
            keyctl: 311,
            bpf: 386,
            userfaultfd: 388,
            perf_event_open: 364,
            kexec_load: 347,
            kexec_file_load: 401,
            init_module: 128,
            finit_module: 379,
            delete_module: 129,
            open_by_handle_at: 371,
            syslog: 103,
            ioctl: 54,
            socket: 281,
            socketcall: NONE,
            clone: 120,
            unshare: 337,
            io_setup: 243,
        },
    },
];

#[cfg(all(target_arch = "powerpc64", target_endian = "little"))]
const ABIS: &[Abi] = &[Abi { audit: 0xC000_0015, numbers: NATIVE }];

/// The numbers of the ABI that this program is compiled for.
const NATIVE: Numbers = Numbers {
    add_key: libc::SYS_add_key as u32,
    request_key: libc::SYS_request_key as u32,
    keyctl: libc::SYS_keyctl as u32,
    bpf: libc::SYS_bpf as u32,
    userfaultfd: libc::SYS_userfaultfd as u32,
    perf_event_open: libc::SYS_perf_event_open as u32,
    kexec_load: libc::SYS_kexec_load as u32,
    kexec_file_load: libc::SYS_kexec_file_load as u32,
    init_module: libc::SYS_init_module as u32,
    finit_module: libc::SYS_finit_module as u32,
    delete_module: libc::SYS_delete_module as u32,
    open_by_handle_at: libc::SYS_open_by_handle_at as u32,
    syslog: libc::SYS_syslog as u32,
    ioctl: libc::SYS_ioctl as u32,
    socket: libc::SYS_socket as u32,
    #[cfg(target_arch = "powerpc64")]
    socketcall: libc::SYS_socketcall as u32,
    #[cfg(not(target_arch = "powerpc64"))]
    socketcall: NONE,
    clone: libc::SYS_clone as u32,
    unshare: libc::SYS_unshare as u32,
    io_setup: libc::SYS_io_setup as u32,
};

/// A call that is refused.
struct Rule {
    call: u32,
    /// Only if its argument of that place (from 0) is so. The kernel takes no more than the low 32 bits of these arguments, so no
    /// more is compared.
    only: Option<(u32, Test)>,
    /// What the caller is told.
    error: i32,
}

/// What is asked of an argument.
#[derive(Clone, Copy)]
enum Test {
    /// It is one of these.
    Is(&'static [u32]),
    /// It has this bit.
    Has(u32),
}

/// Pushes a byte into a terminal, the console's selection into another (`asm/ioctls.h`: the same for these machines).
const PUSHES: &[u32] = &[0x5412, 0x541C];

/// Sockets to the hypervisor, which no network namespace holds (vsock(7)).
const TO_THE_HOST: &[u32] = &[libc::AF_VSOCK as u32];

/// A cgroup namespace (`linux/sched.h`): with one of its own, a hook could mount the cgroups that the person's session was handed,
/// and end or freeze what runs there.
const CGROUPS: u32 = 0x0200_0000;

/// `SYS_SOCKET` of `linux/net.h`.
const MAKE_A_SOCKET: &[u32] = &[1];

/// ENOSYS where a program then does without (kernels are built without keyrings, and without io_uring, whose requests no filter
/// sees); EPERM where that is what an ordinary user's call ends with on most machines.
fn rules(of: &Numbers) -> Vec<Rule> {
    // What clone3 asks for stands in memory, where no filter can look; C libraries then take clone.
    // The machine has one number of asynchronous requests for everybody (`fs.aio-max-nr`).
    let without = [of.add_key, of.request_key, of.keyctl, of.io_setup, CLONE3].into_iter().chain(IO_URING);
    let forbidden = [
        of.bpf,
        of.userfaultfd,
        of.perf_event_open,
        of.kexec_load,
        of.kexec_file_load,
        of.init_module,
        of.finit_module,
        of.delete_module,
        of.open_by_handle_at,
        of.syslog,
    ];
    let whole = |error| move |call| Rule { call, only: None, error };
    let in_part = [
        Rule { call: of.ioctl, only: Some((1, Test::Is(PUSHES))), error: libc::EPERM },
        Rule { call: of.socket, only: Some((0, Test::Is(TO_THE_HOST))), error: libc::EAFNOSUPPORT },
        // What it would make is told in memory, where no filter can look. Programs have made sockets without it since Linux 4.3.
        Rule { call: of.socketcall, only: Some((0, Test::Is(MAKE_A_SOCKET))), error: libc::ENOSYS },
        Rule { call: of.clone, only: Some((0, Test::Has(CGROUPS))), error: libc::EPERM },
        Rule { call: of.unshare, only: Some((0, Test::Has(CGROUPS))), error: libc::EPERM },
    ];
    let all = without.map(whole(libc::ENOSYS)).chain(forbidden.into_iter().map(whole(libc::EPERM)));
    all.chain(in_part).filter(|rule| rule.call != NONE).collect()
}

/// Installs the filter.
pub(crate) fn install() -> io::Result<()> {
    kernel::filter_calls(&program(ABIS))
}

/// Offsets in `struct seccomp_data` (`linux/seccomp.h`); the machines here are little-endian, so an argument's low half is first.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENTS: u32 = 16;

/// The filter as classic BPF. Each ABI's part ends by itself, so the part after it still has the ABI at hand.
fn program(abis: &[Abi]) -> Vec<sock_filter> {
    let mut all = vec![load(ARCH)];
    for abi in abis {
        let part = part(abi);
        all.push(if_equal(abi.audit, 1, 0));
        all.push(skip(part.len() as u32));
        all.extend(part);
    }
    all.push(refuse(libc::ENOSYS));
    all
}

fn part(abi: &Abi) -> Vec<sock_filter> {
    let mut all = vec![load(NUMBER)];
    if let Some(bit) = X32 {
        all.extend([if_at_least(bit, 0, 1), refuse(libc::ENOSYS)]);
    }
    for Rule { call, only, error } in rules(&abi.numbers) {
        let Some((place, test)) = only else {
            all.extend([if_equal(call, 0, 1), refuse(error)]);
            continue;
        };
        let tests: Vec<_> = match test {
            Test::Is(values) => values.iter().map(|value| if_equal(*value, 0, 1)).collect(),
            Test::Has(bit) => vec![if_has(bit, 0, 1)],
        };
        let tests = tests.into_iter().flat_map(|test| [test, refuse(error)]);
        let body: Vec<_> =
            std::iter::once(load(ARGUMENTS + 8 * place)).chain(tests).chain([allow()]).collect();
        all.push(if_equal(call, 0, body.len() as u8));
        all.extend(body);
    }
    all.push(allow());
    all
}

const fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

fn load(offset: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

fn skip(count: u32) -> sock_filter {
    statement(libc::BPF_JMP | libc::BPF_JA, count)
}

fn if_equal(value: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { jt, jf, ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value) }
}

fn if_at_least(value: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { jt, jf, ..statement(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, value) }
}

fn if_has(bit: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { jt, jf, ..statement(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, bit) }
}

fn refuse(error: i32) -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | error.cast_unsigned())
}

fn allow() -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a filter as the kernel does, on a call's number, ABI and first two arguments.
    fn answer(program: &[sock_filter], call: u32, abi: u32, arguments: [u64; 2]) -> u32 {
        let (mut at, mut held) = (0, 0);
        loop {
            let step = program[at];
            at += 1;
            match u32::from(step.code) {
                0x20 => {
                    held = match step.k {
                        NUMBER => call,
                        ARCH => abi,
                        offset => arguments[((offset - ARGUMENTS) / 8) as usize] as u32,
                    }
                }
                0x05 => at += step.k as usize,
                0x15 => at += usize::from(if held == step.k { step.jt } else { step.jf }),
                0x35 => at += usize::from(if held >= step.k { step.jt } else { step.jf }),
                0x45 => at += usize::from(if held & step.k != 0 { step.jt } else { step.jf }),
                0x06 => return step.k,
                other => panic!("a statement that is not used here: {other:#x}"),
            }
        }
    }

    #[test]
    fn every_abi_has_the_same_rules() {
        let program = program(ABIS);
        let refused = |error: i32| libc::SECCOMP_RET_ERRNO | error.cast_unsigned();
        for Abi { audit, numbers } in ABIS {
            let tell = |call, arguments| answer(&program, call, *audit, arguments);
            assert_eq!(tell(numbers.keyctl, [0, 0]), refused(libc::ENOSYS));
            assert_eq!(tell(numbers.bpf, [0, 0]), refused(libc::EPERM));
            assert_eq!(tell(numbers.open_by_handle_at, [0, 0]), refused(libc::EPERM));
            assert_eq!(tell(IO_URING[0], [0, 0]), refused(libc::ENOSYS));
            // TIOCSTI, also with a high half that the kernel passes over; TCGETS is none of these.
            assert_eq!(tell(numbers.ioctl, [0, 0x5412]), refused(libc::EPERM));
            assert_eq!(tell(numbers.ioctl, [0, 0x1_0000_541C]), refused(libc::EPERM));
            assert_eq!(tell(numbers.ioctl, [0x5412, 0x5401]), libc::SECCOMP_RET_ALLOW);
            assert_eq!(tell(numbers.socket, [40, 1]), refused(libc::EAFNOSUPPORT));
            assert_eq!(tell(numbers.socket, [1, 40]), libc::SECCOMP_RET_ALLOW);
            for call in [numbers.clone, numbers.unshare] {
                assert_eq!(tell(call, [0x0202_0000, 0]), refused(libc::EPERM));
                // A mount namespace and a thread.
                assert_eq!(tell(call, [0x0002_0000, CGROUPS.into()]), libc::SECCOMP_RET_ALLOW);
            }
            assert_eq!(tell(CLONE3, [0, 0]), refused(libc::ENOSYS));
            assert_eq!(tell(0, [0, 0]), libc::SECCOMP_RET_ALLOW);
        }
        assert_eq!(answer(&program, 1, 0x8000_0016, [0, 0]), refused(libc::ENOSYS));
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn x32_has_no_calls() {
        let refused = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
        assert_eq!(answer(&program(ABIS), 0x4000_0001, 0xC000_003E, [0, 0]), refused);
    }
}
