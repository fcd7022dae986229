//! Hands libFuzzer's inputs to the target `config` of `targets.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wolkvox_exporter_fuzz::config(data));
