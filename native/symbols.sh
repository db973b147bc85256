#!/usr/bin/env bash
# Fails where libmemguard_ffi asks other libraries of the process for functions that could take over its memory, or exports
# anything but its own: whoever loads a library of that name first would get keys and plaintext.
# usage: symbols.sh LIBRARY
set -euo pipefail
weak=$(nm -D --undefined-only "$1" | awk '$1 == "w" { sub(/@.*/, "", $2); print $2 }' \
  | grep -vxE '_ITM_(de)?registerTMCloneTable|__gmon_start__|__cxa_(finalize|thread_atexit_impl)|getrandom|gettid|statx|copy_file_range|__pthread_get_minstack|posix_spawn.*|pidfd_.*' || true)
exported=$(nm -D --defined-only "$1" | awk '{ print $3 }' | grep -v '^mg_' || true)
if [ -n "$weak$exported" ]; then
  echo "symbols.sh: $1 leaves to other libraries: ${weak//$'\n'/ }; exports besides mg_*: ${exported//$'\n'/ }" >&2
  exit 1
fi
