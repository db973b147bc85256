#!/usr/bin/env bash
# Runs the models, then weakens one ordering after another in a copy of the library's files: each must be found.
# usage: run.sh
set -euo pipefail
cd "$(dirname "$0")"
# Each order in which no thread is interrupted more than three times: more would take minutes.
export LOOM_MAX_PREEMPTIONS=3 RUSTC_WRAPPER= RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=$PWD/../target/models
run() { cargo test --locked --quiet --manifest-path "$1/models/Cargo.toml" -- --test-threads 1; }
log=$CARGO_TARGET_DIR/log
mkdir -p "$CARGO_TARGET_DIR"
run .. >"$log" 2>&1 || { tail -n 60 "$log" >&2; exit 1; }
grep -o '[0-9]* passed' "$log" | sed 's/passed/models hold in every order of their threads/' | grep -v '^0'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
found=0
while IFS='|' read -r file change; do
  rm -rf "$work"/*
  mkdir -p "$work/src"
  cp -r ../models "$work/models"
  cp -r ../src/. "$work/src"
  sed -i "$change" "$work/src/$file"
  if cmp -s "$work/src/$file" "../src/$file"; then echo "no such ordering: $file $change" >&2; exit 1; fi
  if run "$work" >"$log" 2>&1; then echo "NOT FOUND: $file $change" >&2; exit 1; fi
  grep -q 'panicked' "$log" || { tail -n 40 "$log" >&2; exit 1; } # It has to fail as a model, not as a program.
  found=$((found + 1))
done <<'MUTATIONS'
windows/state.rs|s/Ordering::Release/Ordering::Relaxed/
windows/state.rs|s/FREE . EMPTY) && self.exchange(seen.0, seen.0 . CHANGING)/FREE | EMPTY) \&\& { self.0.store(seen.0 | CHANGING, Ordering::Release); true }/
windows/state.rs|s/(seen.generation() + 1)/seen.generation()/
cache/free_stack.rs|s/entry, Ordering::Release/entry, Ordering::Relaxed/
cache/free_stack.rs|s/ptr::null_mut(), Ordering::Acquire/ptr::null_mut(), Ordering::Relaxed/
MUTATIONS
echo "$found of $found weakened orderings were found"
