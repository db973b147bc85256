#!/usr/bin/env bash
# Prints the SHA-256 of all that the bindings are generated from; libsodium counts by its pinned version.
set -euo pipefail
cd "$(dirname "$0")/.."
sha256sum native/include/memguard.h jextract/generate.sh jextract/headers/*.h jextract/symbols/*.txt
awk '/^name = "libsodium-sys-stable"/ { getline; print "libsodium-sys-stable", $3 }' native/Cargo.lock
