# Finds the tools of the build, and installs what is missing: with apt-get as root; without root by unpacking Debian's
# packages into the user's cache. Sourced; defines functions only.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/memguard
unpacked=$cache/tools

say() { echo "memguard: $*" >&2; }
die() { say "$*"; exit 1; }

# The newest JDK >= 22, by its release file: no JVM is started.
find_jdk() {
  local home major best=0
  for home in "${JAVA_HOME:-}" "$(dirname "$(dirname "$(readlink -f "$(command -v javac || echo /x/x)")")")" \
    /usr/lib/jvm/* /opt/*jdk* "$HOME"/.jdks/* "$HOME"/.sdkman/candidates/java/* "$unpacked"/usr/lib/jvm/*; do
    [ -x "$home/bin/javac" ] && [ -r "$home/release" ] || continue
    major=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release")
    if [ "${major:-0}" -ge 22 ] && [ "$major" -gt "$best" ]; then
      best=$major
      jdk=$home
    fi
  done
  [ "$best" -gt 0 ]
}

need_jdk() {
  find_jdk && return
  local package
  package=$(apt-cache pkgnames openjdk- 2>/dev/null | sed -n 's/^openjdk-\([0-9]*\)-jdk-headless$/\1/p' | sort -n | tail -n 1)
  [ "${package:-0}" -ge 22 ] || die "a JDK 22 or later is needed; install one and set JAVA_HOME"
  install_packages "openjdk-$package-jdk-headless"
  find_jdk || die "a JDK 22 or later is needed; install one and set JAVA_HOME"
}

# Rust 1.85 is the first with edition 2024.
rust_is_new() { [ "$(cargo --version 2>/dev/null | awk '{ split($2, v, "."); print (v[1] > 1 || v[2] >= 85) }')" = 1 ]; }

need_rust() {
  PATH=$PATH:$HOME/.cargo/bin:$unpacked/usr/bin
  rust_is_new && return
  install_packages cargo-web rustc-web
  rust_is_new || die "Rust 1.85 or later is needed; install it by rustup"
}

need_rust_checks() {
  cargo fmt --version >/dev/null 2>&1 || install_packages rustfmt-web
  cargo clippy --version >/dev/null 2>&1 || install_packages rust-web-clippy
  cargo fmt --version >/dev/null && cargo clippy --version >/dev/null || die "rustfmt and clippy are needed"
}

need() { # command, Debian package
  command -v "$1" >/dev/null || install_packages "$2"
  command -v "$1" >/dev/null || die "$1 is needed (Debian: $2)"
}

install_packages() {
  command -v apt-get >/dev/null || die "these are needed, and there is no apt-get to install them: $*"
  if [ "$(id -u)" = 0 ]; then
    say "installing $*"
    { [ -n "${apt_updated:-}" ] || apt-get update; } >/dev/null 2>&1 || true
    apt_updated=yes
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >/dev/null 2>&1 || true
  else
    unpack_packages "$@"
  fi
}

# What apt-get would install, unpacked instead.
unpack_packages() {
  local work missing
  missing=$(apt-get install -s --no-install-recommends "$@" 2>/dev/null | awk '/^Inst / { print $2 }') || true
  [ -n "$missing" ] || die "these are needed and apt-get does not know them: $* (apt-get update as root?)"
  say "unpacking $(echo "$missing" | wc -l) packages for $* into $unpacked"
  work=$(mktemp -d)
  mkdir -p "$unpacked"
  # shellcheck disable=SC2086 # a list of names
  (cd "$work" && apt-get download -qq $missing && for package in *.deb; do dpkg -x "$package" "$unpacked"; done) >&2
  rm -rf "$work"
  PATH=$PATH:$unpacked/usr/bin
  export LD_LIBRARY_PATH=$unpacked/usr/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
}

need_build_tools() {
  need_jdk
  need mvn maven
  need cc gcc
  need make make
  need strip binutils
  need_rust
  export PATH
}
