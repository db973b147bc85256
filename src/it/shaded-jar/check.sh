# One jar with all classes and native libraries in it.
# shellcheck shell=bash
root=$1
target=$2
. "$root/src/it/shared/checks.sh"

check "a shaded jar works, and says nothing" 0 "works on Java|read by 1000 virtual threads|!WARNING" \
  "$java" -jar "$target/consumer.jar"
