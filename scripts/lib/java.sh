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
    if [ ! -x "$home/bin/$1" ] || [ ! -x "$home/bin/java" ] || [ ! -r "$home/release" ]; then continue; fi
    major=0
    while IFS= read -r line; do
      if [[ $line =~ ^JAVA_VERSION=\"([0-9]+)(.*)\" ]]; then
        major=${BASH_REMATCH[1]}
        if [[ ${BASH_REMATCH[2]} == -* ]] && [ "$home" != "${JAVA_HOME:-}" ]; then major=0; fi # an early-access one
      fi
    done <"$home/release"
    if [ "$major" -ge 22 ] && [ "$major" -gt "$best" ] && is_trusted "$home/bin/java"; then
      best=$major
      jdk=$home
    fi
    if [ "$best" -gt 0 ] && [ "$home" = "${JAVA_HOME:-}" ]; then break; fi
  done
  [ "$best" -gt 0 ]
}

# Root runs only what no other user can change: every directory on the way is root's, or sticky.
is_trusted() { # file
  [ "$EUID" != 0 ] && return
  local file ways=() way
  file=$(readlink -f "$1") || return
  for way in "$file" "$file/../../lib/modules" "$file/../../lib/server/libjvm.so"; do
    way=$(readlink -m "$way")
    while [ -n "$way" ]; do
      ways+=("$way")
      way=${way%/*}
    done
  done
  local owner mode name
  while read -r owner mode name; do
    if [ "$owner" != 0 ] || { ((8#$mode & 8#022)) && ! ((8#$mode & 8#1000)); }; then
      say "root does not run $file, since other users can change $name; give it to root, or install another Java"
      return 1
    fi
  done < <(stat -c '%u %a %n' -- "${ways[@]}" 2>/dev/null)
}

java_on_path() {
  local tool
  tool=$(readlink -f "$(type -P "$1")") && echo "${tool%/bin/"$1"}"
} 2>/dev/null
