# The database server that the adapters are tested with. Sourced after tokens.sh.
# shellcheck shell=bash disable=SC2154

need_postgres() {
  has_postgres && return
  # The package would make a cluster and start it; the tests make their own.
  if is_root && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  install_packages postgresql
  if [ -d "$cache/root/usr/lib/postgresql" ]; then use_unpacked; fi
}

has_postgres() {
  local program
  for program in /usr/lib/postgresql/*/bin/initdb "$cache"/root/usr/lib/postgresql/*/bin/initdb; do
    if [ -x "$program" ]; then
      if [[ $program == "$cache"* ]]; then use_unpacked; fi
      return
    fi
  done
  type -P initdb >/dev/null
}
