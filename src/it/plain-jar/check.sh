# A jar beside its dependencies: on the class path, as a module, in a jlink image, by flags, on other JDKs, hardened.
# shellcheck shell=bash
root=$1
target=$2
. "$root/src/it/shared/checks.sh"

class_path=$target/consumer.jar:$target/lib/*
module_path=$target/consumer.jar:$target/lib
main=consumer.Consumer
works="works on Java|read by 1000 virtual threads"

# shellcheck disable=SC2016 # for the other shell
check "the dependency brings Bouncy Castle and jspecify, and nothing else" 0 "jars: bcprov-jdk18on jspecify memguard." \
  sh -c 'cd "$0" && printf jars: && for jar in *.jar; do printf " %s" "${jar%%-[0-9]*}"; done && echo .' "$target/lib"
check "its jar has no command line" 1 "no main manifest attribute" "$java" -jar "$target"/lib/memguard-*.jar
check "works on the class path, and says nothing" 0 "$works|!WARNING" \
  "$java" --enable-native-access=ALL-UNNAMED -cp "$class_path" $main
check "works on the module path, and says nothing" 0 "$works|!WARNING" \
  "$java" --enable-native-access=io.memguard -p "$module_path" -m consumer/$main

# Bouncy Castle's jar is signed, and an image keeps no signatures.
"$JAVA_HOME/bin/jlink" --module-path "$module_path" --add-modules consumer --ignore-signing-information --no-man-pages \
  --no-header-files --add-options="--enable-native-access=io.memguard" --launcher "consume=consumer/$main" \
  --output "$work/image"
check "works in a jlink image, and says nothing" 0 "$works|!WARNING" "$work/image/bin/consume"

feature=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$JAVA_HOME/release")
if [ "$feature" -ge 24 ]; then
  check "without --enable-native-access Java warns, and it works" 0 "WARNING|$works" "$java" -cp "$class_path" $main
  check "denied on the class path, it says in one line which flag" 3 \
    "SECURITY_ERROR|--enable-native-access=ALL-UNNAMED|!	at " \
    "$java" --illegal-native-access=deny -cp "$class_path" $main
  check "denied on the module path, it says in one line which flag" 3 \
    "SECURITY_ERROR|--enable-native-access=io.memguard|!	at " \
    "$java" --illegal-native-access=deny -p "$module_path" -m consumer/$main
else
  skipped "a refusal of native access: Java 24 and later can do that"
fi

# A user's own, or another distribution's.
for home in ${MEMGUARD_JDKS:-} /usr/lib/jvm/*; do
  if [ ! -L "$home" ] && [ ! "$home" -ef "$JAVA_HOME" ] && [ -x "$home/bin/java" ]; then
    version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release" 2>/dev/null || true)
    if [ "${version:-0}" -ge 22 ]; then
      check "works on Java $version" 0 "$works" "$home/bin/java" --enable-native-access=ALL-UNNAMED -cp "$class_path" $main
    fi
  fi
done

. "$root/src/it/plain-jar/hardened.sh"
