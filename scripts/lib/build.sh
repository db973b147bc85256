# Builds what scripts/memguard runs, when it has to. Sourced after tools.sh, where root is the checkout.
# shellcheck shell=bash disable=SC2154

# shellcheck source=scripts/lib/launch.sh
. "${BASH_SOURCE[0]%/*}/launch.sh"

java_options_here() {
  local modules=$root/modules
  java_options "$root/target/memguard.jar:$modules/prove/target/memguard-prove.jar:$modules/cli/target/memguard-cli.jar:$modules/cli/target/lib" \
    "$root/target/classes/io/memguard/native/linux-x86_64"
}

is_built() {
  [ -e "$root/target/.built" ] && [ -e "$root/target/memguard.jar" ] && [ -e "$root/modules/cli/target/memguard-cli.jar" ] \
    && [ -z "$(find "$root/pom.xml" "$root/parent/pom.xml" "$root/src/main" "$root/native" "$root"/modules/{prove,cli}/{pom.xml,src/main} \
      -path "$root/native/target" -prune -o -newer "$root/target/.built" ! -path "$root/native" -print -quit)" ]
}

# Maven on the library and what is made of it, or on some of that (-pl :memguard-cli -am).
reactor() { mvn -B -ntp -f "$root/modules/pom.xml" "$@"; }

# Waits while another invocation builds. The lock is on the folder itself, and ends with this process.
lock_checkout() {
  exec 9<"$root"
  flock -n 9 || { say "waiting for another build"; flock 9; }
}

build() {
  local log=$root/target/build.log
  mkdir -p "$root/target" 2>/dev/null && [ -w "$root/target" ] || die "it has to be built first, and $root/target can't be written"
  need_build_tools
  say "building (the first time takes some minutes)"
  touch "$root/target/.building" # what is edited from now on is newer
  if ! (cd "$root" && reactor -q -pl :memguard-cli -am -DskipTests -Dspotless.check.skip=true package) </dev/null >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    die "the build failed; all that it said: $log"
  fi
  java_options_here # those that the archive is for
  share_classes "$root/target/memguard.jsa" || true # only makes it faster
  mv "$root/target/.building" "$root/target/.built"
}
