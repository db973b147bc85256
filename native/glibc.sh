#!/usr/bin/env bash
# Fails where a library needs a symbol of a glibc later than 2.31, by its table of dynamic symbols.
# usage: glibc.sh LIBRARY...
set -euo pipefail
newest=2.31
for library; do
  needs=$(objdump -T "$library" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -V | tail -n 1)
  if [ -z "$needs" ] || [ "$(printf '%s\n' "$needs" "$newest" | sort -V | tail -n 1)" != "$newest" ]; then
    echo "${library##*/} needs glibc ${needs:-(none found)}, later than $newest: build it with native/build.sh portable" >&2
    exit 1
  fi
  echo "${library##*/} needs glibc $needs"
done
