# Jars in a jar: Spring Boot loads them by jar:nested: URLs.
# shellcheck shell=bash
root=$1
target=$2
. "$root/src/it/shared/checks.sh"

check "the library lies in the jar as a jar" 0 "BOOT-INF/lib/memguard" \
  sh -c "'$JAVA_HOME/bin/jar' --list --file '$target/consumer.jar'"
check "a Spring Boot jar works, with secrets as beans, and nothing is warned of" 0 \
  "a bean read 13 bytes from jar:nested:|the store is closed|!WARN" "$java" -jar "$target/consumer.jar"
