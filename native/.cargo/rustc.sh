#!/bin/sh
# The compiler that cargo calls here: it leaves the folders of this machine out of what it makes, so that a build is the
# same, byte for byte, wherever it is made. What is fuzzed counts its edges for libFuzzer, and checks its arithmetic.
rustc=$1
shift
case " $* " in
  *' --crate-name memguard_ffi '*' feature="fuzzing" '* | *' --crate-name fuzz_calls '*)
    set -- "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
      -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
      -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks ;;
esac
case " $* " in
  *' feature="asan" '*)
    export RUSTC_BOOTSTRAP=1 # The flag is not stable; what it does is for tests only.
    set -- "$@" -Zsanitizer=address ;;
esac
set -- "$@" --remap-path-prefix="${0%/.cargo/*}=/native"
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
  set -- "$@" --remap-path-prefix="$registry=/crates"
done
exec "$rustc" "$@"
