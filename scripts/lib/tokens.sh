# What the tests of keys in hardware need: SoftHSM, a software TPM with its resource manager, p11-kit, and their tools.
# Sourced after tools.sh.
# shellcheck shell=bash disable=SC2154

need_tokens() {
  local missing=()
  have_file /usr/lib/softhsm/libsofthsm2.so && have_program softhsm2-util || missing+=(softhsm2)
  have_program pkcs11-tool || missing+=(opensc)
  have_file /usr/libexec/p11-kit/p11-kit-server || have_file /usr/lib/p11-kit/p11-kit-server || missing+=(p11-kit)
  have_file "$libraries/pkcs11/p11-kit-client.so" || missing+=(p11-kit-modules)
  have_program swtpm || missing+=(swtpm)
  have_program tpm2-abrmd || missing+=(tpm2-abrmd)
  have_program tpm2_getrandom || missing+=(tpm2-tools)
  have_program tpm2_ptool || missing+=(libtpm2-pkcs11-tools)
  have_program dbus-daemon || missing+=(dbus-daemon)
  have_file "$libraries/pkcs11/libtpm2_pkcs11.so" || missing+=(libtpm2-pkcs11-1)
  # Loaded by name, so that no package depends on them; newer Debians call them otherwise.
  have_file "$libraries/libtss2-tcti-swtpm.so.0" || missing+=("$(known_package libtss2-tcti-swtpm0 libtss2-tcti-swtpm0t64)")
  have_file "$libraries/libtss2-tcti-tabrmd.so.0" || missing+=("$(known_package libtss2-tcti-tabrmd0 libtss2-tcti-tabrmd0t64)")
  if [ "${#missing[@]}" -gt 0 ]; then install_packages "${missing[@]}"; fi
  if [ -d "$cache/root/usr/lib/softhsm" ]; then use_unpacked; fi
}

libraries=/usr/lib/x86_64-linux-gnu

have_file() { [ -e "$1" ] || [ -e "$cache/root$1" ]; }
have_program() { type -P "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || [ -x "$cache/root/usr/sbin/$1" ]; }

known_package() { # the first of these names that the machine's lists have
  local name
  for name; do
    if apt-cache show "$name" >/dev/null 2>&1; then echo "$name"; return; fi
  done
  echo "$1"
}

# What was unpacked is not where its users look for it.
use_unpacked() {
  export MEMGUARD_UNPACKED=$cache/root
  export LD_LIBRARY_PATH=$cache/root$libraries:$cache/root/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export PYTHONPATH=$cache/root/usr/lib/python3/dist-packages${PYTHONPATH:+:$PYTHONPATH}
}
