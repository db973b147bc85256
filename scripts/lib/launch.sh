# How Java runs memguard. Sourced after java.sh, by scripts/memguard and by the launcher of the packages.
# shellcheck shell=bash disable=SC2154

# A closed descriptor would be given to the next file that the JVM opens, and values go to number 1.
[ -e /proc/self/fd/0 ] || exec 0>/dev/null
[ -e /proc/self/fd/1 ] || exec 1</dev/null
[ -e /proc/self/fd/2 ] || exec 2>/dev/null

# What java gets in front of the arguments. Nothing of the JVM on standard output, no file in /tmp that others can read,
# no agent that attaches, no core, no crash file (which shows what registers point to); the limit of open files as it is, for
# the command of memguard exec. The native libraries are beside the jars, so that none is unpacked.
java_options() { # module path, folder of the native libraries
  module_path=$1
  options=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -XX:+DisableAttachMechanism
    -XX:-CreateCoredumpOnCrash -XX:ErrorFile=/dev/null -XX:-MaxFDLimit -XX:+DisplayVMOutputToStderr -Xlog:disable
    --enable-native-access=io.memguard,io.memguard.cli -p "$1")
  if [ -z "${MEMGUARD_NATIVE_DIRECTORY:-}" ]; then options+=("-Dmemguard.native.directory=$2"); fi
  main=(-m io.memguard.cli/io.memguard.cli.Main)
}

run_memguard() { # class data archive, arguments
  local classes=$1 name
  shift
  # What changes for this JVM's sake; the command of memguard exec gets all of it back.
  for name in JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS LC_ALL; do export "MEMGUARD_OUTER_$name=${!name-}"; done
  MEMGUARD_CORE_LIMIT=$(ulimit -S -c)
  export MEMGUARD_CORE_LIMIT
  # Java opens files of its own, on numbers that can't be told from those that memguard was given.
  export MEMGUARD_DESCRIPTORS=
  for name in /proc/$$/fd/*; do
    if [ -e "$name" ]; then MEMGUARD_DESCRIPTORS+=" ${name##*/}"; fi
  done
  unset JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS # the JVM announces them, and they bring agents along
  export LC_ALL=C.UTF-8 # names and paths are UTF-8 whatever the locale, which may not even be installed
  ulimit -S -c 0
  # An archive that came along when its folder was moved or copied has the classes of another place.
  if { read -r name <"$classes.for"; } 2>/dev/null && [ "$name" = "$module_path" ]; then
    options+=("-XX:SharedArchiveFile=$classes")
  fi
  exec "$jdk/bin/java" "${options[@]}" "${main[@]}" "$@"
}

# Has the archive of classes made in the background, once for each Java and place, where the installation is this user's: from
# then on a command starts some times faster. MEMGUARD_SHARE_CLASSES=no leaves it to bin/share-classes.
share_classes_soon() { # class data archive, the program that makes it, the command
  local classes=$1 program=$2 made='' wanted="$module_path $jdk" number
  # A command that memguard exec becomes would get a child that it does not know.
  if [ "${MEMGUARD_SHARE_CLASSES:-}" = no ] || [ "${3:-}" = exec ] || [ -L "$classes" ] \
    || [ ! -O "${classes%/*}" ] || [ ! -w "${classes%/*}" ]; then return 0; fi
  { read -r made <"$classes.tried"; } 2>/dev/null || true
  if [ "$made" = "$wanted" ]; then return 0; fi
  rm -f "$classes.tried"
  (set -o noclobber && echo "$wanted" >"$classes.tried") 2>/dev/null || return 0 # another command does it
  ( # It has nothing of the caller's: not its descriptors, one of which may be a passphrase's, nor its terminal.
    for number in /proc/self/fd/*; do
      number=${number##*/}
      if [ "$number" -gt 2 ]; then eval "exec $number>&-"; fi
    done
    cd /
    nice setsid "$program" </dev/null >/dev/null 2>&1 &
  )
}

# Keeps the classes of trial runs in the form that the JVM maps at its start (class data sharing). A static archive: a
# dynamic one leaves out classes as old as picocli's, and with it the signature of a jar is verified at every start. Only
# the JVM that made it takes it; any other one starts without.
share_classes() ( # file
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
  echo "$module_path" >"$work/memguard.jsa.for"
  chmod 644 "$work/memguard.jsa" "$work/memguard.jsa.for"
  rm -f "$1.for"
  mv "$work/memguard.jsa" "$1"
  mv "$work/memguard.jsa.for" "$1.for"
) </dev/null >/dev/null 2>&1
