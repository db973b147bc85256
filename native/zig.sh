#!/usr/bin/env bash
# Prints the folder with zig and cargo-zigbuild, which zig-requirements.txt pins; puts them there first where they are not.
# usage: zig.sh CACHE      needs python3 with pip
set -euo pipefail
wanted=$(cd "$(dirname "$0")" && pwd)/zig-requirements.txt
folder=$1/zig-$(sha256sum <"$wanted" | cut -c 1-12)
if [ ! -d "$folder" ]; then
  echo "getting zig, the compiler of the portable build" >&2
  mkdir -p "$1"
  fresh=$(mktemp -d "$1/zig.XXXXXX")
  trap 'rm -rf "$fresh"' EXIT
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-compile --require-hashes \
    --no-deps --target "$fresh/zig" --requirement "$wanted" >&2
  mv -T "$fresh/zig" "$folder" 2>/dev/null || [ -d "$folder" ] # another checkout was faster
fi
echo "$folder"
