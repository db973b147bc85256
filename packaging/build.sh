#!/usr/bin/env bash
# Makes what users install, out of what `mvn -f modules/pom.xml -Pdist package` left in the target folders: the jars and the
# POMs for a Maven repository, a tar.gz, a Debian package, their checksums. The same, byte for byte, in each build.
# usage: build.sh      needs java 22 or later on the PATH, GNU tar; the Debian package is left out without dpkg-deb
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
property() { sed -n "s|^ *<$1>\(.*\)</$1>.*|\1|p" parent/pom.xml | head -n 1; }
version=$(property version)
SOURCE_DATE_EPOCH=$(date -d "$(property project.build.outputTimestamp)" +%s)
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8 TZ=UTC
natives=target/classes/io/memguard/native/linux-x86_64
out=target/dist
native/glibc.sh "$natives"/*.so* >/dev/null

rm -rf "$out"
mkdir -p "$out"
# What a service embeds: the library and the adapters.
publish() { # folder, artifact
  local suffix repository=target/repository/io/memguard/$2/$version
  for suffix in "" -sources -javadoc; do cp "$1/target/$2$suffix.jar" "$out/$2-$version$suffix.jar"; done
  cp "$1/target/bom.json" "$out/$2-$version-bom.json"
  cp "$1/.flattened-pom.xml" "$out/$2-$version.pom"
  install -d "$repository"
  cp "$out/$2-$version"* "$repository"
}
rm -rf target/repository
publish . memguard
publish modules/jdbc memguard-jdbc
publish modules/spring memguard-spring

# The folder that both packages hold.
tree=target/installed
rm -rf "$tree"
install -d "$tree"/{bin,lib,native,shell,share/man/man1,share/bash-completion/completions,share/zsh/site-functions,share/doc/memguard}
install -m 755 packaging/memguard packaging/share-classes -t "$tree/bin"
install -m 644 target/memguard.jar modules/cli/target/memguard-cli.jar modules/prove/target/memguard-prove.jar \
  modules/cli/target/lib/*.jar -t "$tree/lib"
install -m 644 "$natives"/* -t "$tree/native"
install -m 644 scripts/lib/{java,launch}.sh -t "$tree/shell"
install -m 644 LICENSE src/main/resources/META-INF/THIRD-PARTY-NOTICES README.md INTEGRATION.md SECURITY.md docs/{FORMAT,HARDWARE,CONTRACT,BACKUP,CONTAINERS}.md modules/cli/target/bom.json -t "$tree/share/doc/memguard"
completion=$tree/share/bash-completion/completions/memguard
classes=(java -XX:TieredStopAtLevel=1 -XX:-UsePerfData -cp "$tree/lib/*")
"${classes[@]}" packaging/Completion.java >"$completion"
{ cat packaging/completion.zsh "$completion" && echo '_bash_complete -o default -F _complete_memguard'; } >"$tree/share/zsh/site-functions/_memguard"
"${classes[@]}" packaging/ManPage.java "$version" "$(date -d "@$SOURCE_DATE_EPOCH" +%F)" \
  | gzip -9n >"$tree/share/man/man1/memguard.1.gz"
chmod -R u=rwX,go=rX "$tree"

tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu \
  --transform="s|^\.|memguard-$version|" -C "$tree" -c . | gzip -9n >"$out/memguard-$version.tar.gz"

debian() {
  local root=target/deb name
  rm -rf "$root"
  install -d "$root"/{DEBIAN,usr/bin,usr/lib/memguard,usr/share/zsh}
  cp -a "$tree"/{bin,lib,native,shell} "$root/usr/lib/memguard"
  cp -a "$tree"/share/{man,bash-completion,doc} "$root/usr/share"
  cp -a "$tree/share/zsh/site-functions" "$root/usr/share/zsh/vendor-completions"
  (cd "$root/usr/share/doc/memguard" && cat LICENSE THIRD-PARTY-NOTICES >copyright && rm LICENSE THIRD-PARTY-NOTICES)
  ln -s ../lib/memguard/bin/memguard "$root/usr/bin/memguard"
  ln -s /var/cache/memguard/memguard.jsa "$root/usr/lib/memguard/memguard.jsa"
  ln -s /var/cache/memguard/memguard.jsa.for "$root/usr/lib/memguard/memguard.jsa.for"
  install -m 644 packaging/deb/triggers "$root/DEBIAN"
  install -m 755 packaging/deb/{postinst,postrm} "$root/DEBIAN"
  name=${version/-/\~} # a snapshot comes before its release
  sed "s|@version@|$name|; s|@size@|$(du -sk --apparent-size "$root/usr" | cut -f 1)|" \
    packaging/deb/control >"$root/DEBIAN/control"
  # xz: Debian 11 knows nothing newer.
  dpkg-deb --root-owner-group -Zxz --build "$root" "$out/memguard_${name}_amd64.deb" >/dev/null
}
if type -P dpkg-deb >/dev/null; then debian; else echo "NOT MADE: a Debian package (no dpkg-deb)" >&2; fi

(cd "$out" && sha256sum -- * >SHA256SUMS)
