#!/usr/bin/env bash
# Fails where a header or a symbol list changed after the bindings were generated; where a jextract is on the PATH (and
# libsodium's and p11-kit's headers are there), generates them again and compares every byte.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! diff <(jextract/sources.sh) jextract/generated-from.sha256 >&2; then
  echo "The FFM bindings are older than the headers: run jextract/generate.sh (needs jextract on the PATH)." >&2
  exit 1
fi
if command -v jextract >/dev/null && [ -d native/target/sodium/include ] \
  && [ -e /usr/include/p11-kit-1/p11-kit/pkcs11.h ]; then
  fresh=$(mktemp -d)
  trap 'rm -rf "$fresh"' EXIT
  jextract/generate.sh "$fresh"
  if ! diff -r "$fresh/io/memguard/ffi/gen" src/main/java/io/memguard/ffi/gen >&2; then
    echo "jextract makes other bindings than those checked in: run jextract/generate.sh and look at the change." >&2
    exit 1
  fi
fi
