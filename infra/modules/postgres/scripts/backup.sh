#!/usr/bin/env bash
# Dumps the weather and Dagster's records into /backups, and keeps the newest $KEEP of each.
set -euo pipefail
cd /backups

say() { printf '{"timestamp": "%s", "level": "info", "logger": "backup", "event": "%s"}\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1"; }

back_up() { # DATABASE SCHEMA ROLE
  export PGDATABASE=$1 PGUSER=$3
  local tables file=$1-$stamp.dump
  tables=$(psql --no-psqlrc --tuples-only --no-align --command="SELECT count(*) FROM pg_tables WHERE schemaname = '$2'")
  if [ "$tables" = 0 ]; then say "$1: no tables yet, nothing to back up"; return; fi
  pg_dump --format=custom --table="$2.*" --file="$file.part"
  pg_restore --list "$file.part" >/dev/null # a file that cannot be read is no backup
  mv "$file.part" "$file"
  say "$file: $tables tables, $(stat --format=%s "$file") bytes"
  find . -maxdepth 1 -name "$1-*.dump" -printf '%f\n' | sort --reverse | tail --lines="+$((KEEP + 1))" | xargs --no-run-if-empty rm --
}

rm -f ./*.part # of a backup that was killed
stamp=$(date -u +%Y-%m-%dT%H-%M-%SZ)
PGPASSWORD=$READER_PASSWORD back_up weather bronze reader
PGPASSWORD=$DAGSTER_PASSWORD back_up dagster public dagster
