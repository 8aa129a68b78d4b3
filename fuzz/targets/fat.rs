//! FAT, its chains and long names.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dibber_fuzz::image(bytes));
