# For users without root: what apt-get would install, unpacked into the user's cache. Sourced by tools.sh.
# shellcheck shell=bash disable=SC2154

unpack_packages() {
  mkdir -p "$cache"
  {
    flock 8 # another checkout of the same user
    unpack_under_lock "$@" || say "$* could not be unpacked; ask an administrator for them"
  } 8>"$cache/.lock"
}

unpack_under_lock() {
  local packages work options=()
  if ! packages=$(missing_packages "$@"); then
    own_lists || return
    packages=$(missing_packages "$@") || return
  fi
  say "unpacking $(wc -w <<<"$packages") packages for $* into $cache"
  work=$(mktemp -d "$cache/download.XXXXXX")
  # shellcheck disable=SC2086 # a list of names
  (cd "$work" && apt-get "${options[@]}" -qq download $packages </dev/null >/dev/null \
    && for package in *.deb; do dpkg -x "$package" "$cache/root" || exit; done) && wrap_programs
  local status=$?
  rm -rf "$work"
  return $status
}

missing_packages() {
  apt-get "${options[@]}" install -s --no-install-recommends "$@" 2>/dev/null | awk '/^Inst / { print $2; any = 1 } END { exit !any }'
}

# Where the machine's lists of packages are missing or older than what is asked for.
own_lists() {
  mkdir -p "$cache"/apt/lists/partial "$cache"/apt/cache/archives/partial
  options=(-o "Dir::State=$cache/apt" -o "Dir::State::lists=$cache/apt/lists" -o Dir::State::status=/var/lib/dpkg/status
    -o "Dir::Cache=$cache/apt/cache")
  apt-get "${options[@]}" -qq update </dev/null >/dev/null 2>&1
}

# They find their libraries beside them; nothing else sees those.
wrap_programs() {
  local program
  mkdir -p "$cache/bin"
  for program in "$cache"/root/usr/bin/*; do
    if [ ! -x "$program" ] || [ -e "/usr/bin/${program##*/}" ]; then continue; fi
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%q:%q exec %q "$@"\n' "$cache/root/usr/lib/x86_64-linux-gnu" \
      "$cache/root/lib/x86_64-linux-gnu" "$program" >"$cache/bin/${program##*/}.new"
    chmod 755 "$cache/bin/${program##*/}.new"
    mv "$cache/bin/${program##*/}.new" "$cache/bin/${program##*/}"
  done
  PATH=$cache/bin:$PATH
}
