#!/usr/bin/env bash
# Builds libsodium (from the source that Cargo.lock pins) and libmemguard_ffi, and puts both into a directory, with their
# checksums and their bill of materials.
# usage: build.sh [local|portable] [DIRECTORY]
#   local      for this machine; needs cargo, a C compiler, make
#   portable   for glibc 2.31 and later, by zig as the C compiler and linker; needs python3 with pip, too. What it makes is
#              kept in the user's cache, since the checkouts of one machine share nearly all of it.
set -euo pipefail
kind=${1:-local}
out=$(realpath -m "${2:-$(dirname "$0")/target/dist}")
cd "$(dirname "$0")"
unset CARGO_TARGET_DIR
log=$PWD/target/build.log
mkdir -p target "$out"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/memguard

case $kind in
  local)
    build=$PWD/target
    triple=()
    compiler=()
    ;;
  portable)
    build=$cache/portable
    mkdir -p "$build"
    exec 7<"$build" && flock 7
    zig=$(./zig.sh "$cache")
    export PATH=$zig/bin:$PATH CARGO_ZIGBUILD_ZIG_PATH=$zig/ziglang/zig SODIUM_LIB_DIR=$build/sodium/lib
    triple=(--target x86_64-unknown-linux-gnu.2.31 --target-dir "$build")
    compiler=(--host=x86_64-linux-gnu CC="$zig/ziglang/zig cc -target x86_64-linux-gnu.2.31" AR="$zig/ziglang/zig ar"
      RANLIB="$zig/ziglang/zig ranlib")
    ;;
  *) sed -n '/^# usage/,/^set/{/^#/s/^# //p}' "$0" >&2; exit 2 ;;
esac

version=$(awk '/^name = "libsodium-sys-stable"/ { getline; gsub(/[ "]/, "", $0); sub("version=", ""); print }' Cargo.lock)
made_of=$version${zig:+ ${zig##*/}}
build_sodium() {
  local source work=$build/sodium-build # not /tmp, which may be mounted noexec
  source=$(ls -d "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/libsodium-sys-stable-"$version" | head -n 1)
  rm -rf "$work" "$build/sodium" && mkdir "$work"
  tar -xzf "$source/LATEST.tar.gz" -C "$work"
  (
    cd "$work"/libsodium*
    ./configure --prefix="$build/sodium" --disable-static --disable-dependency-tracking "${compiler[@]}"
    make -j"$(nproc)" install
  ) >"$log" 2>&1 || { tail -n 30 "$log" >&2; rm -rf "$work"; return 1; }
  rm -rf "$work"
  echo "$made_of" >"$build/sodium/version"
}
cargo fetch --quiet --locked
if [ "$(cat "$build/sodium/version" 2>/dev/null)" != "$made_of" ]; then
  echo "building libsodium ($version)" >&2
  build_sodium
fi

if [ "$kind" = portable ]; then
  cargo-zigbuild build --release --locked --quiet "${triple[@]}" 2>"$log" || { cat "$log" >&2; exit 1; }
  made=$build/x86_64-unknown-linux-gnu/release
else
  cargo build --release --locked --quiet 2>"$log" || { cat "$log" >&2; exit 1; }
  made=$build/release
fi

put() { # copies what changed, stripped; a new file, since the old one may be mapped by a running program
  strip --strip-unneeded -o "$2.new" "$1"
  if cmp -s "$2.new" "$2"; then rm "$2.new"; else mv -f "$2.new" "$2"; fi
}
put "$(realpath "$build/sodium/lib/libsodium.so.26")" "$out/libsodium.so.26"
put "$made/libmemguard_ffi.so" "$out/libmemguard_ffi.so"
(
  cd "$out"
  sha256sum libmemguard_ffi.so libsodium.so.26 >SHA256SUMS
  for library in libmemguard_ffi.so libsodium.so.26; do # gzip ends with the CRC-32 of what it packed (RFC 1952)
    printf '%s  %s\n' "$(gzip -1 -c "$library" | tail -c 8 | od -A n -N 4 -t x4 --endian=little | tr -d ' ')" "$library"
  done >CRC32SUMS
)
./symbols.sh "$out/libmemguard_ffi.so"
./sbom.sh "$build/sodium" >"$out/sbom.cdx.json"
if [ "$kind" = portable ]; then ./glibc.sh "$out"/*.so*; fi
