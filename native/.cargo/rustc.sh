#!/bin/sh
# The compiler that cargo calls here: it leaves the folders of this machine out of what it makes, so that a build is the
# same, byte for byte, wherever it is made.
rustc=$1
shift
set -- "$@" --remap-path-prefix="${0%/.cargo/*}=/native"
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
  set -- "$@" --remap-path-prefix="$registry=/crates"
done
exec "$rustc" "$@"
