//! Tools that would attach disks to the host: refused in one sentence.
//!
//! In: a name. Out: exit code 1 and why. Never: a device.

use std::ffi::OsString;

pub(crate) fn main(name: &str, arguments: &[OsString]) -> i32 {
    if arguments.first().is_some_and(|first| first == "--version") {
        println!("{name} (dibber's stand-in)");
        return 0;
    }
    eprintln!(
        "{name}: refused: dibber makes disks without loop devices or device mapper; leave partitions and file systems to the \
         block-device config, and boot loaders to grub-install"
    );
    1
}
