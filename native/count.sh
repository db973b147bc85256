#!/usr/bin/env bash
# Counts the instructions of one round of each hot operation (valgrind) and compares them with benches/instructions.txt:
# more than 5 % above fails, 25 % where compilers or C library are others than those it was made with.
# usage: count.sh [--update]      build.sh must have run once
set -euo pipefail
cd "$(dirname "$0")"
unset CARGO_TARGET_DIR
kept=benches/instructions.txt
few=500 many=1500

# Said on standard output, where the results of the tests are; nothing is claimed then.
not_counted() { echo "NOT COUNTED: $*"; exit 0; }
type -P valgrind >/dev/null || not_counted "no valgrind (Debian: apt-get install valgrind)"
# Without these the ciphers take other paths. Newer instructions don't matter: valgrind hides them from the program.
for flag in aes pclmulqdq avx2; do
  grep -qm1 "^flags.* $flag" /proc/cpuinfo || not_counted "this CPU has no $flag"
done

tools="$(rustc --version | cut -d ' ' -f 2) cc-$(cc -dumpversion) $(getconf GNU_LIBC_VERSION | tr ' ' -) $(valgrind --version)"
cargo build --release --locked --quiet --example rounds
instructions() { # operation, rounds
  LD_LIBRARY_PATH=$PWD/target/sodium/lib valgrind --tool=callgrind --callgrind-out-file=/dev/null \
    target/release/examples/rounds "$@" 2>&1 | awk '/Collected *:/ { print $4; found = 1 } END { exit !found }'
}

counted=$(mktemp)
trap 'rm -f "$counted"' EXIT
for operation in borrow-32 borrow-4096 borrow-8192 open-1024 seal-1024; do
  # The difference leaves the start of the program out.
  more=$(instructions "$operation" "$many") fewer=$(instructions "$operation" "$few")
  echo "$operation $(((more - fewer) / (many - few)))"
done >"$counted"

if [ "${1:-}" = --update ]; then
  { echo "# Instructions a round, by count.sh --update; made with:"; echo "tools $tools"; cat "$counted"; } >"$kept"
fi
awk -v tools="$tools" '
  /^#/ { next }
  /^tools / { percent = substr($0, 7) == tools ? 5 : 25; next }
  NR == FNR { expected[$1] = $2; next }
  {
    most = expected[$1] * (100 + percent) / 100
    slow = !($1 in expected) || $2 > most
    printf "%-14s %7d instructions, %7d expected, at most %d %% more: %s\n", $1, $2, expected[$1], percent, slow ? "TOO MANY" : "ok"
    bad += slow
  }
  END { exit bad > 0 }' "$kept" "$counted" \
  || { echo "count.sh: slower than $kept says; mend it, or give the reason in the commit that does --update" >&2; exit 1; }
