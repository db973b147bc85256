# What the checks of consumers share. Sourced; each claim prints one line that scripts/test counts.
# shellcheck shell=bash
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 711 "$work"
(umask 077 && echo 'correct horse battery' >"$work/passphrase")
java=$JAVA_HOME/bin/java
stores=0

# A claim, what its output has to hold ("!TEXT": must not), and a command, which is given a store and a passphrase file.
check() { # claim, status, texts separated by |, command...
  local claim=$1 expected=$2 texts=$3 status=0 text
  shift 3
  stores=$((stores + 1))
  "$@" "$work/store$stores" "$work/passphrase" </dev/null >"$work/said" 2>&1 || status=$?
  if [ "$status" != "$expected" ]; then failed "exit status $status, not $expected"; fi
  IFS='|' read -ra text <<<"$texts"
  for text in "${text[@]}"; do
    if [[ $text == !* ]]; then
      if grep -qF -- "${text#!}" "$work/said"; then failed "said: ${text#!}"; fi
    elif ! grep -qF -- "$text" "$work/said"; then
      failed "did not say: $text"
    fi
  done
  echo "ok - $claim"
}

failed() {
  echo "not ok - $claim: $*"
  sed 's/^/  /' "$work/said"
  exit 1
}

skipped() { echo "skipped - $*"; }
