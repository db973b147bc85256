//! Calls in any order, with any numbers: those that coverage led to (`fuzz/`), and random ones.

#[path = "support/calls/mod.rs"]
mod calls;
mod support;
use support::*;

#[test] // One test: the model counts the windows of the whole process.
fn any_calls_agree_with_the_model() {
    for file in std::fs::read_dir("fuzz/seeds").unwrap() {
        calls::run(&std::fs::read(file.unwrap().path()).unwrap());
    }
    let mut random = Random::new();
    for _ in 0..2_000 {
        let length = random.below(1_000);
        calls::run(&random.bytes(length));
    }
}
