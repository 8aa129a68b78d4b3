//! GPT and MBR, and what is in their partitions.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dibber_fuzz::image(bytes));
