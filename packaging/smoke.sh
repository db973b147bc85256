#!/usr/bin/env bash
# What a user does first with an installed memguard; fails at the first wrong answer. Runs where nothing else is installed.
# usage: smoke.sh MEMGUARD      the command
set -euo pipefail
memguard=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
echo 'correct horse' >"$work/passphrase"
export MEMGUARD_DIR=$work/store MEMGUARD_PASSPHRASE_FILE=$work/passphrase
wrong() { echo "smoke.sh: $*" >&2; exit 1; }
status() { local status=0; "$@" >"$work/out" 2>"$work/err" || status=$?; echo "$status"; }

[[ "$("$memguard" --version)" == memguard\ * ]] || wrong "--version"
"$memguard" init || wrong init
printf 'a value\n\n' | "$memguard" store "db/pass word" || wrong store
[ "$("$memguard" retrieve "db/pass word" | od -c)" = "$(printf 'a value\n\n' | od -c)" ] || wrong "another value came back"
head -c 1000000 /dev/urandom >"$work/long"
"$memguard" store long --file "$work/long" || wrong "store --file"
"$memguard" retrieve long | cmp - "$work/long" || wrong "another long value came back"
[ "$("$memguard" list | LC_ALL=C sort | tr '\n' ,)" = "db/pass word,long," ] || wrong list
[ "$(status "$memguard" contains long)" = 0 ] || wrong contains
[ "$(status "$memguard" retrieve absent)" = 1 ] || wrong "an absent name: $(cat "$work/err")"
"$memguard" stats | grep items_count >/dev/null || wrong stats
"$memguard" rotate || wrong rotate
"$memguard" delete long || wrong delete
[ "$(status "$memguard" contains long)" = 1 ] || wrong "contains after delete"
echo 'battery staple' >"$work/passphrase"
[ "$(status "$memguard" list)" = 10 ] || wrong "a wrong passphrase is not KEY_INVALID: $(cat "$work/err")"
[ "$(wc -l <"$work/err")" = 1 ] || wrong "an error of more than one line: $(cat "$work/err")"
echo 'correct horse' >"$work/passphrase"
"$memguard" doctor --verify >"$work/doctor" || [ $? = 1 ] || wrong doctor
for subject in platform "c library" "native library" libsodium; do
  grep -qE "^ok +$subject" "$work/doctor" || wrong "doctor: $(grep "$subject" "$work/doctor" || cat "$work/doctor")"
done
grep -E '^ok +c library' "$work/doctor" | tr -s ' '
