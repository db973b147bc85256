#!/usr/bin/env bash
# Format, lints, tests and instruction counts of the Rust part; build.sh must have run once.
set -euo pipefail
cd "$(dirname "$0")"
unset CARGO_TARGET_DIR
cargo fmt --check
cargo clippy --release --locked --all-targets --quiet -- -D warnings
cargo test --release --locked 2>&1 | tee target/check.log
./count.sh
