#!/usr/bin/env bash
# Format, lints, tests (also under AddressSanitizer), a little fuzzing and instruction counts of the Rust part, as it is built
# for this machine.
set -euo pipefail
cd "$(dirname "$0")"
unset CARGO_TARGET_DIR
./build.sh local
cargo fmt --check
cargo clippy --release --locked --all-targets --quiet -- -D warnings
cargo test --release --locked 2>&1 | tee target/check.log
(cd fuzz && cargo fmt --check)
./sanitize.sh
if type -P c++ >/dev/null; then fuzz/run.sh; else echo "NOT FUZZED: no C++ compiler (Debian: apt-get install g++)"; fi
./count.sh
