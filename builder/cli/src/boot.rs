//! `dibber boot`.
//!
//! In: arguments. Out: the guest's console, and how it ended. Never: a write to the image.

use dibber_build::boot::{BootError, BootRequest, Expectation, Firmware, Verdict, arch_of, boot as start};
use dibber_model::Arch;

use crate::args::BootArgs;
use crate::exit::Exit;
use crate::progress::duration;
use crate::report::Problem;
use crate::request;

/// Boots an image.
pub(crate) fn boot(args: &BootArgs) -> Result<Exit, Problem> {
    let arch = match args.arch.or_else(|| arch_of(&args.image)) {
        Some(arch) => arch,
        None => request::host()?,
    };
    let usual = if arch == Arch::Aarch64 { Firmware::Uefi } else { Firmware::Bios };
    let expect = args.expect.as_ref().map(|text| Expectation { text: text.clone(), timeout: args.timeout });
    let request = BootRequest {
        image: args.image.clone(),
        arch,
        firmware: args.firmware.map_or(usual, Firmware::from),
        disk_size: args.disk_size,
        keep_overlay: args.keep_overlay.clone(),
        memory: args.memory,
        accel: args.accel.into(),
        expect,
    };
    let verdict = start(&request, &|access| {
        eprintln!("log in as root with the password {} (for this boot only, by cloud-init;", access.password);
        eprintln!("the image has none), or from here: ssh -p {} root@127.0.0.1", access.ssh_port);
        if request.expect.is_none() {
            eprintln!(
                "leave with Ctrl-a x; what the guest writes is thrown away unless --keep-overlay is given"
            );
        }
    });
    match verdict.map_err(problem)? {
        Verdict::Ended => Ok(Exit::Ok),
        Verdict::Seen { after } => {
            eprintln!("\nseen after {}", duration(after.as_secs_f64()));
            Ok(Exit::Ok)
        }
        Verdict::TimedOut => Err(Problem::new(
            Exit::NotSeen,
            format!(
                "the text did not appear within {}; raise --timeout, or read the console above",
                duration(args.timeout.as_secs_f64())
            ),
        )),
        Verdict::Died => {
            Err(Problem::new(Exit::NotSeen, "QEMU ended before the text appeared; read the console above"))
        }
    }
}

fn problem(error: BootError) -> Problem {
    let exit = match error {
        BootError::Missing { .. } | BootError::NoFirmware { .. } => Exit::Machine,
        BootError::WrongFirmware { .. } | BootError::TooSmall { .. } => Exit::Usage,
        BootError::OverlayExists(_) => Exit::Output,
        _ => Exit::Fault,
    };
    Problem::new(exit, error)
}
