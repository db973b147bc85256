# Builds what scripts/memguard runs, when it has to. Sourced after tools.sh, where root is the checkout.
# shellcheck shell=bash disable=SC2154

# What java gets in front of the arguments. Nothing of the JVM on standard output, no file in /tmp that others can read,
# no agent that attaches, no core; the limit of open files as it is, for the command of memguard exec.
java_options() {
  options=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -XX:+DisableAttachMechanism
    -XX:-CreateCoredumpOnCrash -XX:-MaxFDLimit -XX:+DisplayVMOutputToStderr -Xlog:disable
    --enable-native-access=io.memguard --add-modules info.picocli
    -p "$root/target/memguard.jar:$root/target/lib")
  main=(-m io.memguard/io.memguard.cli.Main)
}

is_built() {
  [ -e "$root/target/.built" ] && [ -e "$root/target/memguard.jar" ] \
    && [ -z "$(find "$root/pom.xml" "$root/src/main" "$root/native" -path "$root/native/target" -prune \
      -o -newer "$root/target/.built" ! -path "$root/native" -print -quit)" ]
}

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
  if ! (cd "$root" && mvn -B -ntp -q -DskipTests -Dspotless.check.skip=true package) </dev/null >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    die "the build failed; all that it said: $log"
  fi
  share_classes || true # only makes it faster
  mv "$root/target/.building" "$root/target/.built"
}

# Keeps the classes of trial runs in the form that the JVM maps at its start (class data sharing). A static archive: a
# dynamic one leaves out classes as old as picocli's, and with it the signature of a jar is verified at every start.
share_classes() (
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  umask 077
  number=0
  echo trial >"$work/passphrase"
  for trial in init "store trial" "retrieve trial" "contains trial" list stats; do
    # shellcheck disable=SC2086 # a command and its arguments
    echo value | "$jdk/bin/java" "${options[@]}" -XX:DumpLoadedClassList="$work/$((++number)).list" "${main[@]}" $trial \
      --dir "$work/store" --passphrase-file "$work/passphrase" || true
  done
  awk '!seen[$0]++' "$work"/*.list >"$work/classes"
  "$jdk/bin/java" "${options[@]}" -Xshare:dump -XX:SharedClassListFile="$work/classes" \
    -XX:SharedArchiveFile="$work/memguard.jsa" "${main[@]}"
  chmod 644 "$work/memguard.jsa"
  mv "$work/memguard.jsa" "$root/target/memguard.jsa"
) </dev/null >/dev/null 2>&1
