#!/usr/bin/env bash
# Format, lints, licenses and sources of the crates, tests (also under AddressSanitizer), models, fuzzing and instruction
# counts of the Rust part, as it is built for this machine.
set -euo pipefail
cd "$(dirname "$0")"
unset CARGO_TARGET_DIR
./build.sh local # libsodium, for all that follows
# Beside all the rest, at the lowest priority.
if type -P c++ >/dev/null; then
  fuzz/run.sh build
  fuzz/run.sh gate built >target/fuzz.log 2>&1 &
else
  echo "NOT FUZZED: no C++ compiler (Debian: apt-get install g++)" | tee target/fuzz.log &
fi
fuzz=$!
trap 'kill $fuzz 2>/dev/null || true' EXIT
for crate in . fuzz models; do (cd "$crate" && cargo fmt --check); done
cargo clippy --release --locked --all-targets --quiet -- -D warnings
./audit.sh
cargo test --release --locked 2>&1 | tee target/check.log
./sanitize.sh
models/run.sh
./count.sh
wait "$fuzz" || { cat target/fuzz.log >&2; exit 1; }
cat target/fuzz.log
