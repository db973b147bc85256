#!/usr/bin/env bash
# The tests of memory and threads under AddressSanitizer. Left out are those that count memory or locked pages, which the
# sanitizer takes and does not lock. For ThreadSanitizer there is threads.sh.
# usage: sanitize.sh      build.sh must have run once
set -euo pipefail
cd "$(dirname "$0")"
unset CARGO_TARGET_DIR
if ! compgen -G "$(rustc --print target-libdir)/librustc*_rt.asan.a" >/dev/null; then
  echo "NOT SANITIZED: this toolchain has no AddressSanitizer (those of rustup have)"
  exit 0
fi
# The library with the sanitizer has the file name of the real one, and cargo would take it for that.
trap 'cargo clean --release --quiet -p memguard_ffi' EXIT
ASAN_OPTIONS=handle_segv=0 cargo test --release --locked --quiet --features asan --lib --test aead --test cache --test calls --test concurrency \
  --test lifetimes --test windows -- --skip take_at_most_160_bytes --skip memory_of_removed_values
