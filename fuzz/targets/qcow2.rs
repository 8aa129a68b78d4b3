//! qcow2: header, tables and compressed clusters.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dibber_fuzz::image(bytes));
