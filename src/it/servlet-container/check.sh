# Tomcat reloads the application: what was loaded before has to go, and what is loaded then has to work.
# shellcheck shell=bash
root=$1
target=$2
. "$root/src/it/shared/checks.sh"

# The application's classes and libraries are its own; the container's are not seen by it, nor the other way round.
application=$work/application/WEB-INF
mkdir -p "$application/classes/consumer" "$application/lib"
cp "$target"/classes/consumer/SecretServlet.class "$application/classes/consumer/"
for jar in "$target"/lib/*.jar; do
  case ${jar##*/} in
    tomcat-* | jakarta.*) cp "$jar" "$work/" ;;
    *) cp "$jar" "$application/lib/" ;;
  esac
done
mkdir -p "$work/container/consumer"
cp "$target"/classes/consumer/Container*.class "$work/container/consumer/"

container() { # reloads, closes or forgets, options of java
  local reloads=$1 way=$2
  shift 2
  local store=${*: -2:1} passphrase=${*: -1:1}
  # The JDK keeps types of the last record that was compared, softly: that is given back when memory is short.
  "$java" -XX:SoftRefLRUPolicyMSPerMB=0 "${@:1:$#-2}" --enable-native-access=ALL-UNNAMED -cp "$work/container:$work/*" consumer.Container \
    "${application%/WEB-INF}" "$reloads" "$way" "$store" "$passphrase"
}

gone="class loaders left: 0|locked memory did not grow"
check "an application that closes its store is reloaded and leaves nothing" 0 \
  "worked after 3 reloads|$gone|!failed to stop it" container 3 closes
check "an application that forgets to close its store leaves nothing either" 0 \
  "worked after 3 reloads|$gone|!Illegal access" container 3 forgets
mkdir "$work/natives"
(cd "$work/natives" && "$JAVA_HOME/bin/jar" --extract --file "$root/target/memguard.jar" io/memguard/native)
check "so do libraries in a directory of the machine" 0 "worked after 2 reloads|$gone" \
  container 2 closes "-Dmemguard.native.directory=$work/natives/io/memguard/native/linux-x86_64"
