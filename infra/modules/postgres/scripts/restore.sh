#!/usr/bin/env bash
# restore.sh weather|dagster FILE : put a backup in the place of what is there; all of it, or nothing if anything fails.
# FILE is one of /backups, or - for standard input. Run in the database's pod:
#   kubectl -n database exec postgres-0 -- bash /scripts/restore.sh weather /backups/weather-….dump
set -euo pipefail
case ${1:-} in
  weather) role=loader schemas=(bronze bronze_staging) ;;
  dagster) role=dagster schemas=(public) ;;
  *) sed -n 2,4p "$0" >&2; exit 2 ;;
esac
from=()
[ "${2:?which file?}" = - ] || from=("$2")

{
  echo 'SET client_min_messages = warning; BEGIN;'
  for schema in "${schemas[@]}"; do echo "DROP SCHEMA IF EXISTS $schema CASCADE; CREATE SCHEMA $schema AUTHORIZATION $role;"; done
  # again, because it went with the schema; before the tables, because it is for those to come
  if [ "$role" = loader ]; then echo 'ALTER DEFAULT PRIVILEGES FOR ROLE loader IN SCHEMA bronze GRANT SELECT ON TABLES TO reader;'; fi
  echo "SET ROLE $role;"
  # only a dump that was read to its end is committed
  pg_restore --file=- --no-owner --no-privileges "${from[@]}" && echo 'COMMIT;'
} | psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --username=postgres --dbname="$1" --output=/dev/null

bash /scripts/roles.sh
echo "restored $1 from $2"
