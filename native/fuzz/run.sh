#!/usr/bin/env bash
# Fuzzes the exports with libFuzzer, from the seeds on, under AddressSanitizer where the toolchain has its runtime; what is
# new to it stays in ../target/fuzz. With "gate" the same inputs each time.
# usage: run.sh [SECONDS [built] | gate [built] | build]      ../build.sh must have run once; needs a C++ compiler
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
kept=../target/fuzz
mkdir -p "$kept/corpus"
features=()
if compgen -G "$(rustc --print target-libdir)/librustc*_rt.asan.a" >/dev/null; then features=(--features asan); fi
# In the library's folder, so that what both need is built once. The library itself has other code in it here under the same
# file name, and cargo would take it for the real one.
if [ "${2:-}" != built ]; then
  cargo build --release --locked --quiet --target-dir ../target "${features[@]}"
  (cd .. && cargo clean --release --quiet -p memguard_ffi)
fi
if [ "$seconds" = build ]; then exit; fi
log=$kept/log
corpus=$kept/corpus
extent=(-max_total_time="$seconds")
if [ "$seconds" = gate ]; then
  corpus=$(mktemp -d)
  trap 'rm -rf "$corpus"' EXIT
  extent=(-seed=1 -runs=20000)
fi
if ! LD_LIBRARY_PATH=$PWD/../target/sodium/lib nice -n 19 ../target/release/fuzz_calls "${extent[@]}" -max_len=4096 \
  -timeout=600 -print_final_stats=1 -artifact_prefix="$kept/" "$corpus" seeds >"$log" 2>&1; then
  tail -n 60 "$log" >&2
  exit 1
fi
awk -v extent="${extent[*]}" -v with="${features:+ with AddressSanitizer}" '
  match($0, /cov: [0-9]+ ft: [0-9]+/) { split(substr($0, RSTART, RLENGTH), cover, " ") }
  /number_of_executed_units/ { inputs = $2 }
  END { printf "calls: %d inputs (%s)%s, %d edges, %d features\n", inputs, extent, with, cover[2], cover[4]; exit inputs < 100 }' "$log"
