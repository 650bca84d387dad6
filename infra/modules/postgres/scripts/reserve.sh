#!/usr/bin/env bash
# reserve.sh start|keep : a file on the data volume that is given up when the volume is full: $RESERVE_MIB, or else 2 % of
# the volume that is there, and 64 MiB, a few segments of the write-ahead log, to 1 GiB.
#
# A server without room for its write-ahead log stops and cannot start again, so nobody could delete a row. While less than
# the reserve is free besides it, the database weather is read-only for sessions that begin, and the loader's are ended:
# loads fail with SQLSTATE 25006 and keep what they fetched, readers and Dagster go on, the CronJob
# prune may write. The volume's size and what is free of it are written to upkeep.volume, since SQL does not show a
# server's disk. A start with less than half of the reserve free gives up the file; a server that runs does not, or what
# fills the disk would have that too. With room again, all of it is undone.
set -euo pipefail
volume=${PGDATA%/*}
file=$volume/reserve closed=$volume/read-only

log() { echo "$(date -u '+%Y-%m-%d %H:%M:%S') UTC [reserve] WARNING:  $1"; }
mib() { df --output="$1" --block-size=1M "$volume" | tail --lines=1 | tr --delete ' '; }
sql() { psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --username=postgres --dbname="${2:-postgres}" --output=/dev/null --command="$1"; }
release() {
  rm "$file"
  log "the volume is full: the reserve of $reserved MiB is given up, so that the server can run; enlarge the volume or delete rows (README, \"The database's volume is full\")"
}

if [ -z "${RESERVE_MIB:-}" ]; then
  RESERVE_MIB=$(($(mib size) / 50))
  RESERVE_MIB=$((RESERVE_MIB < 64 ? 64 : RESERVE_MIB > 1024 ? 1024 : RESERVE_MIB))
fi
free=$(mib avail)
reserved=$(($(stat --format=%s "$file" 2>/dev/null || echo 0) / 1024 / 1024))
if [ "$1" = start ]; then
  if [ "$free" -lt $((reserved / 2)) ]; then release; fi
  exit
fi

# it initializes or recovers
pg_isready --quiet --host=127.0.0.1 --username=reader --dbname=weather || exit 0
if [ -z "$(find "$volume/measured" -mmin -5 2>/dev/null)" ]; then
  # what the system keeps for itself is nobody's
  used=$(df --output=used --block-size=1 "$volume" | tail --lines=1) avail=$(df --output=avail --block-size=1 "$volume" | tail --lines=1)
  if sql "SET default_transaction_read_only = off; DELETE FROM upkeep.volume; INSERT INTO upkeep.volume VALUES (now(), $used + $avail, $avail)" weather; then
    touch "$volume/measured"
  fi
fi
if { [ "$free" -lt "$RESERVE_MIB" ] || [ ! -e "$file" ]; } && [ "$free" -lt $((RESERVE_MIB * 3)) ]; then
  [ ! -e "$closed" ] || exit 0
  sql "ALTER DATABASE weather SET default_transaction_read_only = on"
  sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'weather' AND usename = 'loader'"
  log "$free MiB are free: the database weather is read-only until there are $((RESERVE_MIB * 3)) MiB"
  touch "$closed"
elif [ "$reserved" -lt "$RESERVE_MIB" ] && [ "$free" -ge $((RESERVE_MIB * 3)) ]; then
  # there is none, or one for a volume that was smaller; as zeros where the file system cannot allocate
  { fallocate --length "${RESERVE_MIB}MiB" "$file.part" 2>/dev/null || dd if=/dev/zero of="$file.part" bs=1M count="$RESERVE_MIB" status=none; } && mv "$file.part" "$file"
elif [ -e "$closed" ] && [ "$free" -ge $((RESERVE_MIB * 2)) ]; then
  sql "ALTER DATABASE weather RESET default_transaction_read_only"
  rm "$closed"
  log "$free MiB are free: the database weather takes rows again"
fi
