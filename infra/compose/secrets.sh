#!/usr/bin/env bash
# Makes the passwords of this machine, once, and writes to each container's volume the secrets that it needs, no more.
set -euo pipefail
umask 022

# made DATABASE_SECRET : the password of that name, random the first time
made() {
  local file=/secrets/database/$1-password
  [ -s "$file" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$file"
  cat "$file"
}
# put FILE TEXT : atomically, since a load may read it meanwhile
put() {
  printf %s "$2" >"$1.part"
  mv "$1.part" "$1"
}

key=$(sed -n "s/^OPENWEATHER_API_KEY=//p" /run/secrets/settings | tail -n 1 | tr -d "[:space:]'\"")
if [ -z "$key" ]; then echo "There is no OPENWEATHER_API_KEY in infra/.env." >&2; exit 1; fi
made superuser >/dev/null
loader=$(made loader) reader=$(made reader) dagster=$(made dagster)
put /secrets/database/passwords "LOADER_PASSWORD=$loader READER_PASSWORD=$reader DAGSTER_PASSWORD=$dagster BACKUP_PASSWORD=$(made backup)"
put /secrets/dagster/dagster-password "$dagster"
put /secrets/code/dagster-password "$dagster"
# dlt reads these by their names
put /secrets/code/destination--postgres--credentials--password "$loader"
put /secrets/code/sources--weather--api-key "$key"
put /secrets/grafana/reader-password "$reader"
put /secrets/grafana/admin-password "$(made grafana-admin)"
chmod 1777 /backups # the postgres image has no such folder, so the volume is root's
