//! Hands libFuzzer's inputs to the target `state` of `targets.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wolkvox_exporter_fuzz::state(data));
