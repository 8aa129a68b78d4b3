//! ext2, ext3 and ext4, their journals and directories.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dibber_fuzz::image(bytes));
