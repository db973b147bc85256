# As examples/service.service asks of systemd, which does not run in tests: its seccomp filter, limits and mounts by hand.
# Sourced by check.sh.
# shellcheck shell=bash disable=SC2154

unit=$root/examples/service.service

if ! type -P systemd-analyze >/dev/null; then
  skipped "a hardened service: systemd-analyze is missing (Debian: systemd); run scripts/test, which installs it"
  return 0
fi

sed 's|^ExecStart=.*|ExecStart=/bin/true|' "$unit" >"$work/memguard-app.service" # the machine's java is elsewhere
check "systemd accepts the unit" 0 "" sh -c "systemd-analyze verify '$work/memguard-app.service'"

python=/usr/bin/python3 # Debian's: a user's own may be closed to others
[ -x "$python" ] || python=$(type -P python3)
confine=("$python" "$root/src/it/plain-jar/seccomp.py" "$unit")
privileges=(--no-new-privs --inh-caps=-all)
if [ "$(id -u)" = 0 ]; then privileges+=(--bounding-set=-all); fi
# 8 MiB: few test machines allow the 16 of the unit.
check "works under the unit's system call filter, limit of locked memory and without privileges" 0 "$works|!WARNING" \
  prlimit --memlock=$((8 << 20)) setpriv "${privileges[@]}" \
  "${confine[@]}" "$java" --enable-native-access=ALL-UNNAMED -XX:-UsePerfData -XX:+DisableAttachMechanism \
  -cp "$class_path" $main

# What the unit's last line says.
check "MemoryDenyWriteExecute ends a JVM before it begins" 1 "!works on Java" \
  "$python" -c 'import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0): sys.exit("no PR_SET_MDWE: before Linux 6.3")
os.execv(sys.argv[1], sys.argv[1:])' "$java" -cp "$class_path" $main

if [ "$(id -u)" != 0 ]; then
  skipped "read-only mounts of a hardened service: run scripts/test as root"
  return 0
fi

# All that is written by then is the state directory and the private /tmp; the user is nobody.
cat >"$work/strict" <<'E2'
set -e
target=$1 passphrase=$2
shift 2
mount -t tmpfs none /mnt
mkdir -m 755 /mnt/app /mnt/state
cp -r "$target/consumer.jar" "$target/lib" /mnt/app/
install -m 400 -o 65534 "$passphrase" /mnt/passphrase
chown 65534:65534 /mnt/state && chmod 700 /mnt/state
cp -r "$root/src/it/plain-jar/seccomp.py" "$unit" /mnt/
mount --bind /mnt/state /mnt/state
cut -d ' ' -f 5 /proc/self/mountinfo | grep -vE '^/(proc|sys|dev|mnt/state)(/|$)' | sort -u | while read -r point; do
  mount -o remount,bind,ro "$point" 2>/dev/null || true
done
mount -t tmpfs -o mode=1777 none /tmp
if [ -n "$flags" ]; then mount -o "remount,$flags" /tmp; fi
! touch /var/lib/memguard-strict 2>/dev/null || { echo "the mounts are not read-only"; exit 9; }
cd /mnt/state
exec prlimit --memlock=$((8 << 20)) setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs \
  --bounding-set=-all --inh-caps=-all "$python" /mnt/seccomp.py /mnt/service.service "$@" \
  -cp '/mnt/app/consumer.jar:/mnt/app/lib/*' consumer.Consumer /mnt/state /mnt/passphrase
E2
strict() { # flags of /tmp, options of java, STORE PASSPHRASE
  flags=$1 root=$root unit=$unit python=$python unshare --mount --propagation private \
    bash "$work/strict" "$target" "${*: -1:1}" "$java" --enable-native-access=ALL-UNNAMED -XX:-UsePerfData "${@:2:$#-3}"
}
if ! unshare --mount true 2>/dev/null || ! setpriv --reuid 65534 --clear-groups "$java" -version >"$work/said" 2>&1; then
  skipped "read-only mounts of a hardened service: mounts can't be made here, or nobody may not read $JAVA_HOME"
  return 0
fi
check "works as nobody on a read-only system with a private /tmp" 0 "$works|!WARNING" strict ""
check "a noexec /tmp is named as the reason, with the way out" 3 "SECURITY_ERROR|noexec|memguard.native.directory" \
  strict noexec
