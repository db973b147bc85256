//! What libFuzzer calls with each input.
#![no_main]

#[path = "../tests/support/calls/mod.rs"]
mod calls;
#[path = "../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|input: &[u8]| calls::run(input));
