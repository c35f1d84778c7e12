#!/bin/sh
# Starts a private PostgreSQL for tests from Debian's binaries, or stops it.
#
#   scripts/testing/postgres.sh [start]   prints the connection string, and only that, on stdout
#   scripts/testing/postgres.sh stop      ends it and removes its data
#   scripts/testing/postgres.sh status    tells whether it runs by its exit code
#
# SLIPWAY_PG_DIR   where it lives (default: $TMPDIR/pg-slipway)
# SLIPWAY_PG_PORT  where it listens on 127.0.0.1 (default: 55432)
#
# It listens on the loopback interface alone and trusts everyone there, so it
# is for throwaway data. `start` is idempotent: a cluster that runs is kept.
set -eu

dir=${SLIPWAY_PG_DIR:-${TMPDIR:-/tmp}/pg-slipway}
port=${SLIPWAY_PG_PORT:-55432}

say() { echo "postgres.sh: $*" >&2; }

find_binaries() {
  # The newest major version that is installed.
  for candidate in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -rn); do
    if [ -x "$candidate/initdb" ]; then
      echo "$candidate"
      return 0
    fi
  done
  if command -v initdb >/dev/null 2>&1; then
    dirname "$(command -v initdb)"
    return 0
  fi
  return 1
}

install_package() {
  if [ "$(id -u)" != 0 ]; then
    say "found no PostgreSQL server below /usr/lib/postgresql; install the package 'postgresql' or run this as root"
    exit 1
  fi
  say "found no PostgreSQL server; installing the package 'postgresql'"
  # Only the binaries are wanted, not a cluster of the system's own.
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] ||
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >&2
}

# The server refuses to run as root.
as_owner() {
  if [ "$(id -u)" = 0 ]; then
    (cd / && runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

running() { as_owner "$bin/pg_ctl" -D "$dir/data" status >/dev/null 2>&1; }

start() {
  if [ ! -d "$dir/data" ]; then
    mkdir -p "$dir"
    if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; fi
    as_owner "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --no-locale --no-sync >&2
  fi
  if ! running; then
    # Nothing here has to survive a power cut, and the tests open many pools.
    as_owner "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 start -o \
      "-c listen_addresses=127.0.0.1 -p $port -c unix_socket_directories=$dir -c max_connections=500 -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=256MB" >&2 || {
      say "could not start; the log's end:"
      tail -n 20 "$dir/log" >&2
      exit 1
    }
  fi
  echo "postgresql://postgres@127.0.0.1:$port/postgres"
}

stop() {
  [ -d "$dir/data" ] || return 0
  if running; then as_owner "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >&2; fi
  rm -rf "$dir/data" "$dir/log"
  rmdir "$dir" 2>/dev/null || say "kept $dir: it holds other files"
}

command=${1:-start}
bin=$(find_binaries) || {
  [ "$command" = start ] || exit 0
  install_package
  bin=$(find_binaries)
}

case $command in
  start) start ;;
  stop) stop ;;
  status) running ;;
  *)
    say "expected start, stop or status, found '$command'"
    exit 2
    ;;
esac
