//! Hands libFuzzer's inputs to the target `envelope` of `targets.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wolkvox_exporter_fuzz::envelope(data));
