# Finds Java. Sourced, by the scripts and by the launcher of the packages; defines functions only.
# shellcheck shell=bash

say() { echo "memguard: $*" >&2; }
die() { say "$*"; exit 69; } # EX_UNAVAILABLE: 1 would say "not found"

# Sets jdk to the newest Java >= 22 that has a tool (java, javac), JAVA_HOME first; by its release file, so that no JVM is
# started.
find_java() {
  local home major line best=0
  for home in "${JAVA_HOME:-}" "$(java_on_path "$1")" /usr/lib/jvm/* /usr/java/* /opt/* "${HOME:-}"/.jdks/* \
    "${HOME:-}"/.sdkman/candidates/java/*; do
    if [ ! -x "$home/bin/$1" ] || [ ! -r "$home/release" ]; then continue; fi
    major=0
    while IFS= read -r line; do
      if [[ $line =~ ^JAVA_VERSION=\"([0-9]+) ]]; then major=${BASH_REMATCH[1]}; fi
    done <"$home/release"
    if [ "$major" -ge 22 ] && [ "$major" -gt "$best" ]; then
      best=$major
      jdk=$home
    fi
    if [ "$best" -gt 0 ] && [ "$home" = "${JAVA_HOME:-}" ]; then break; fi
  done
  [ "$best" -gt 0 ]
}

java_on_path() {
  local tool
  tool=$(readlink -f "$(type -P "$1")") && echo "${tool%/bin/"$1"}"
} 2>/dev/null
