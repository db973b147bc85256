#!/usr/bin/env bash
# Builds libsodium (from the source that Cargo.lock pins) and libmemguard_ffi, and puts both into a directory, with their
# bill of materials.
# usage: build.sh [DIRECTORY]      needs cargo, a C compiler, make
set -euo pipefail
out=$(realpath -m "${1:-$(dirname "$0")/target/dist}")
cd "$(dirname "$0")"
unset CARGO_TARGET_DIR
log=target/build.log
mkdir -p target "$out"

version=$(awk '/^name = "libsodium-sys-stable"/ { getline; gsub(/[ "]/, "", $0); sub("version=", ""); print }' Cargo.lock)
if [ "$(cat target/sodium/version 2>/dev/null)" != "$version" ]; then
  echo "building libsodium ($version)" >&2
  cargo fetch --quiet --locked
  source=$(ls -d "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/libsodium-sys-stable-"$version" | head -n 1)
  work=$PWD/target/sodium-build # not /tmp, which may be mounted noexec
  trap 'rm -rf "$work"' EXIT
  rm -rf "$work" && mkdir "$work"
  tar -xzf "$source/LATEST.tar.gz" -C "$work"
  rm -rf target/sodium
  (
    cd "$work"/libsodium*
    ./configure --prefix="$OLDPWD/target/sodium" --disable-static --disable-dependency-tracking
    make -j"$(nproc)" install
  ) >"$log" 2>&1 || { tail -n 30 "$log" >&2; exit 1; }
  echo "$version" >target/sodium/version
fi

cargo build --release --locked --quiet 2>"$log" || { cat "$log" >&2; exit 1; }
put() { # copies what changed, stripped; a new file, since the old one may be mapped by a running program
  if ! [ "$2" -nt "$1" ]; then
    strip --strip-unneeded -o "$2.new" "$1"
    mv -f "$2.new" "$2"
  fi
}
put "$(realpath target/sodium/lib/libsodium.so.26)" "$out/libsodium.so.26"
put target/release/libmemguard_ffi.so "$out/libmemguard_ffi.so"
./sbom.sh >"$out/sbom.cdx.json"
