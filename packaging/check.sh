#!/usr/bin/env bash
# Checks what packaging/build.sh made, as far as no other system is needed for it.
# usage: check.sh
set -euo pipefail
export MEMGUARD_SHARE_CLASSES=no # nothing in the background in a tree that is removed
cd "$(dirname "$0")/.."
version=$(sed -n 's|^ *<version>\(.*\)</version>.*|\1|p' parent/pom.xml | head -n 1)
tree=target/installed
passed=0 failed=0 skipped=0
check() { # what, command...
  local what=$1 said
  shift
  if said=$("$@" 2>&1); then
    echo "ok: $what"
    passed=$((passed + 1))
  else
    echo "FAILED: $what"
    sed 's/^/    /' <<<"$said"
    failed=$((failed + 1))
  fi
}
skip() { echo "NOT TESTED: $*"; skipped=$((skipped + 1)); }

libraries_are_portable() {
  local work
  work=$(mktemp -d)
  unzip -qjd "$work" "target/dist/memguard-$version.jar" 'io/memguard/native/linux-x86_64/*' && native/glibc.sh "$work"/*.so* \
    && (cd "$work" && sha256sum --check --strict SHA256SUMS)
  local status=$?
  rm -rf "$work"
  return $status
}
poms_stand_alone() { # a project that takes one artifact gets all that its POM names
  local pom
  for pom in target/dist/*-"$version".pom; do
    if grep -q '<parent>' "$pom"; then echo "$pom names a parent"; return 1; fi
  done
  if grep -q '<scope>test' target/dist/*.pom; then echo "a POM names what only tests need"; return 1; fi
}
newer_glibc_is_refused() { # of this machine's own programs, some need one
  local library
  for library in /usr/lib/x86_64-linux-gnu/*.so.*; do
    if objdump -T "$library" 2>/dev/null | grep -E 'GLIBC_2\.(3[2-9]|[4-9])' >/dev/null; then
      if native/glibc.sh "$library" 2>/dev/null; then echo "$library was taken"; return 1; fi
      return 0
    fi
  done
  echo "no such library here"
  return 1
}
manual_is_clean() {
  local warnings
  warnings=$(gzip -dc $tree/share/man/man1/memguard.1.gz | groff -man -Tutf8 -ww -P-cbou 2>&1 >target/memguard.txt)
  if [ -n "$warnings" ]; then echo "$warnings"; return 1; fi
  local command
  for command in store retrieve rotate doctor "token list"; do
    grep -q "^   $command" target/memguard.txt || { echo "$command is missing"; return 1; }
  done
}
bash_completes() { # line, expected
  bash --norc -c '. target/installed/share/bash-completion/completions/memguard
    read -ra COMP_WORDS <<<"$0"; case $0 in *" ") COMP_WORDS+=("") ;; esac
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$0 COMP_POINT=${#0}
    _complete_memguard
    case " ${COMPREPLY[*]} " in *" $1 "*) ;; *) echo "$0: ${COMPREPLY[*]}"; exit 1 ;; esac' "$1" "$2"
}
zsh_completes() { # as a user types it: in a terminal
  zsh -f -c 'zmodload zsh/zpty
    zpty it "TERM=dumb zsh -f -i"
    zpty -w it "PS1=; fpath=(target/installed/share/zsh/site-functions \$fpath); autoload -Uz compinit && compinit -u -D; memguard() { print GOT \$1 }"
    zpty -w -n it $'"'"'memguard rot\t\n'"'"'
    zpty -w it "exit"
    while zpty -r it line; do print -r -- "$line"; done' >target/zsh.log 2>&1 || true
  grep -q 'GOT rotate' target/zsh.log || { cat target/zsh.log; return 1; }
}
archive_is_whole() {
  local name
  for name in bin/memguard lib/memguard.jar lib/memguard-cli.jar lib/memguard-prove.jar native/libsodium.so.26 share/man/man1/memguard.1.gz share/doc/memguard/LICENSE; do
    tar -tzf "target/dist/memguard-$version.tar.gz" "memguard-$version/$name" || return 1
  done
}
licences_are_whole() { # of all that is linked or ships beside, in each of the three
  local package component
  for package in jar tar deb; do
    case $package in
      jar) unzip -p "target/dist/memguard-$version.jar" META-INF/LICENSE META-INF/THIRD-PARTY-NOTICES ;;
      tar) tar -xzOf "target/dist/memguard-$version.tar.gz" "memguard-$version/share/doc/memguard/"{LICENSE,THIRD-PARTY-NOTICES} ;;
      deb)
        if ! type -P dpkg-deb >/dev/null; then continue; fi
        dpkg-deb --fsys-tarfile target/dist/memguard_*_amd64.deb | tar -xO ./usr/share/doc/memguard/copyright
        ;;
    esac >target/notices || return 1
    grep -q 'Apache License' target/notices || { echo "$package: our own licence is missing"; return 1; }
    while read -r component; do
      grep -qxF "$component" target/notices || { echo "$package: $component is missing"; return 1; }
    done < <({ unzip -p "target/dist/memguard-$version.jar" io/memguard/native/linux-x86_64/sbom.cdx.json
      if [ "$package" != jar ]; then cat modules/cli/target/bom.json; fi; } | python3 -c '
import json, sys
decoder, text = json.JSONDecoder(), sys.stdin.read()
while text.strip():
    bom, end = decoder.raw_decode(text.lstrip())
    text = text.lstrip()[end:]
    for component in bom["components"]:
        if component.get("group") == "io.memguard":
            continue
        print(component["name"], component["version"])
print("Rust standard library")')
  done
}
jars_are_whole() {
  local artifact class
  while read -r artifact class; do
    unzip -l "target/dist/$artifact-$version-sources.jar" "*io/memguard/$class.java" \
      && unzip -l "target/dist/$artifact-$version-javadoc.jar" "*io/memguard/$class.html" || return 1
  done <<'EOF'
memguard MemGuard
memguard-jdbc adapters/hikari/SecretCredentials
memguard-spring adapters/spring/SecretFactoryBean
EOF
}
library_is_for_services() { # no command line, no search for leaks, nothing of a library that a service may not have
  local jar=target/dist/memguard-$version.jar
  if unzip -l "$jar" | grep -E 'io/memguard/(cli|prove|migration|adapters/(hikari|postgresql|spring))/'; then return 1; fi
  if unzip -p "$jar" META-INF/MANIFEST.MF | grep Main-Class; then return 1; fi
}
no_java_is_said() { # in one line, with what to do
  local status=0
  env -i PATH=/nowhere HOME=/nowhere /bin/bash -c ". $tree/shell/java.sh; type() { return 1; }; find_java no-such-tool || die 'Java 22 or later is needed'" \
    2>target/no-java.log || status=$?
  [ "$status" = 69 ] && [ "$(cat target/no-java.log)" = "memguard: Java 22 or later is needed" ]
}

check "the libraries in the jar need glibc 2.31, and are those of their checksums" libraries_are_portable
check "a library that needs a later one is refused" newer_glibc_is_refused
check "the sources and the Javadoc are in their jars" jars_are_whole
check "the library's jar has nothing but the library" library_is_for_services
check "the POMs need no parent and nothing that only tests need" poms_stand_alone
check "the tar.gz is whole" archive_is_whole
check "the licences of all that is linked are in the jar and both packages" licences_are_whole
check "without Java the launcher says what it needs" no_java_is_said
if type -P groff >/dev/null; then check "the manual is clean and whole" manual_is_clean; else skip "the manual: no groff"; fi
check "bash completes a command" bash_completes "memguard rot" rotate
check "bash completes an option" bash_completes "memguard store --fi" --file
if type -P zsh >/dev/null; then check "zsh completes a command" zsh_completes; else skip "the completion of zsh: no zsh"; fi
echo "test result: $([ "$failed" = 0 ] && echo ok || echo FAILED). $passed passed; $failed failed; $skipped skipped"
exit $((failed > 0))
