#!/usr/bin/env bash
# Holds the crates to deny.toml (bans, licenses, sources; offline), and looks for known vulnerabilities where the advisory
# database can be had: in $ADVISORIES, a clone of github.com/rustsec/advisory-db, or from there. usage: audit.sh
set -euo pipefail
cd "$(dirname "$0")"
tools=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/memguard/cargo-tools # scripts/test puts them there
PATH=$tools:$PATH
# Said on standard output, where the results of the tests are; nothing is claimed then.
if ! type -P cargo-deny >/dev/null; then
  echo "CRATES NOT CHECKED: no cargo-deny (cargo install cargo-deny, or scripts/test)"
  exit 0
fi
for manifest in Cargo.toml fuzz/Cargo.toml; do
  cargo-deny --offline --locked --log-level error --config deny.toml --manifest-path "$manifest" check bans licenses sources
done
database=${ADVISORIES:-}
if [ -z "$database" ]; then
  database=$tools/advisory-db
  # A day old at most; a machine that can't reach it does not wait for it.
  if [ -z "$(find "$database" -maxdepth 0 -mtime -1 2>/dev/null)" ]; then
    rm -rf "$database.new"
    if timeout 60 git -c http.lowSpeedLimit=1000 -c http.lowSpeedTime=10 clone -q --depth 1 \
      https://github.com/rustsec/advisory-db "$database.new" 2>/dev/null; then
      rm -rf "$database"
      mv "$database.new" "$database"
    fi
  fi
fi
if [ ! -d "$database/crates" ]; then
  echo "CRATES NOT AUDITED: the advisory database (github.com/rustsec/advisory-db) can't be reached from here"
  exit 0
fi
for lock in Cargo.lock fuzz/Cargo.lock; do
  cargo-audit audit --no-fetch --stale --db "$database" --file "$lock" --deny warnings
done
