#!/usr/bin/env bash
# The tests of memory and threads under ThreadSanitizer. It needs a standard library that is built with it, thus the sources
# of exactly this compiler, which its package rust-src has and the toolchain alone does not: no part of scripts/test.
# usage: threads.sh LIBRARY      the folder "library" of those sources; build.sh must have run once; needs gcc
set -euo pipefail
library=$(realpath "$1")
cd "$(dirname "$0")"
unset CARGO_TARGET_DIR
work=$PWD/target/threads
mkdir -p "$work"

# libsodium, too: else nobody sees that it wipes what another thread reads.
if [ ! -e "$work/sodium/libsodium.so.26" ]; then
  version=$(awk '/^name = "libsodium-sys-stable"/ { getline; gsub(/[ "]/, ""); sub("version=", ""); print }' Cargo.lock)
  sources=$(compgen -G "${CARGO_HOME:-$HOME/.cargo}/registry/src/*/libsodium-sys-stable-$version/LATEST.tar.gz" | head -n 1)
  rm -rf "$work/build"
  mkdir -p "$work/build" "$work/sodium"
  tar -xzf "$sources" -C "$work/build"
  (
    cd "$work/build"/libsodium*
    # explicit_bzero(3) and what _FORTIFY_SOURCE makes of memset(3) are out of the sanitizer's sight.
    ac_cv_func_explicit_bzero=no ac_cv_func_memset_explicit=no ac_cv_func_memset_s=no \
      ./configure --disable-static --disable-dependency-tracking --disable-hardening
    make -j"$(nproc)" -C src/libsodium CFLAGS='-O2 -g1 -fPIC -U_FORTIFY_SOURCE -fsanitize=thread' libsodium.la
    # By hand: gcc's own runtime must not come with it.
    find src/libsodium -path '*/.libs/*.o' \
      -exec gcc -shared -Wl,-soname,libsodium.so.26 -o "$work/sodium/libsodium.so.26" {} +
  ) >"$work/sodium.log" 2>&1 || { tail -n 30 "$work/sodium.log" >&2; exit 1; }
  ln -sf libsodium.so.26 "$work/sodium/libsodium.so"
fi

# A copy without what benches and the header's test need, most of the crates.
copy=$work/native
rm -rf "$copy"
mkdir -p "$copy/fuzz"
cp -rp .cargo Cargo.lock Cargo.toml build.rs src tests "$copy"
cp -rp fuzz/seeds "$copy/fuzz"
rm "$copy"/tests/{header,ciphers}.rs
sed -i '/^\[dev-dependencies\]/,/^$/d; /^\[\[bench\]\]/,/^$/d' "$copy/Cargo.toml"
cd "$copy"
# Cargo's own tests find the sources by that variable; build scripts are not sanitized, as a target is named. Left out are
# tests that count memory, or locked pages, which the sanitizer does not lock.
export SODIUM_LIB_DIR=$work/sodium CARGO_TARGET_DIR=$work/target CARGO_PROFILE_RELEASE_DEBUG=line-tables-only
export RUSTC_BOOTSTRAP=1 __CARGO_TESTS_ONLY_SRC_ROOT=$library
export RUSTFLAGS='-Zsanitizer=thread -Clink-arg=-rdynamic' TSAN_OPTIONS='handle_segv=0 history_size=4'
cargo test --release --quiet -Zbuild-std --target x86_64-unknown-linux-gnu --no-fail-fast --lib --test aead --test cache \
  --test calls --test concurrency --test lifetimes --test retention --test soak --test traces --test windows \
  -- --skip take_at_most_160_bytes --skip memory_of_removed_values
