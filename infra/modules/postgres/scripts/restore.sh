#!/usr/bin/env bash
# restore.sh weather|dagster FILE : put a backup in the place of what is there; all of it, or nothing if anything fails.
# FILE is one of /backups, or - for standard input. Connects as the database's owner to $PGHOST (this machine). Run in a
# pod that has the volume of the backups:
#   kubectl -n database exec job/restore -- bash /scripts/restore.sh weather /backups/weather-….dump
set -euo pipefail
case ${1:-} in
  weather) role=loader schemas="bronze bronze_staging" password=${LOADER_PASSWORD:?} ;;
  dagster) role=dagster schemas="public" password=${DAGSTER_PASSWORD:?} ;;
  *) sed -n 2,5p "$0" >&2; exit 2 ;;
esac
from=()
if [ "${2:?which file?}" != - ]; then
  [ -e "$2" ] || { echo "There is no file $2; ls /backups shows what there is. Nothing was changed." >&2; exit 2; }
  if [ -e "$2.sha256" ]; then
    (cd "$(dirname "$2")" && sha256sum --check --status "$(basename "$2").sha256") || {
      echo "$2 is not what was written: its checksum is another. Nothing was changed; take another backup." >&2
      exit 1
    }
  fi
  from=("$2")
fi

export PGHOST=${PGHOST:-127.0.0.1} PGUSER=$role PGPASSWORD=$password PGDATABASE=$1
for schema in $schemas; do
  [ "$(psql --no-psqlrc --tuples-only --no-align --command="SELECT count(*) FROM pg_namespace WHERE nspname = '$schema'")" = 1 ] || {
    echo "There is no schema $schema; the server makes it when it starts: kubectl -n database delete pod postgres-0" >&2
    exit 1
  }
done
{
  echo 'SET client_min_messages = warning; BEGIN READ WRITE;'
  # the schemas stay: their owners and privileges are those of roles.sql
  for schema in $schemas; do
    cat <<SQL
DO \$\$
DECLARE command text;
BEGIN
  LOOP
    SELECT format('DROP %s IF EXISTS %s CASCADE',
        CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
        pg_class.oid::regclass)
      INTO command FROM pg_class
      WHERE relnamespace = '$schema'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND pg_has_role(relowner, 'MEMBER')
      ORDER BY relispartition, relkind = 'S' LIMIT 1;
    EXIT WHEN NOT FOUND;
    EXECUTE command;
  END LOOP;
END \$\$;
SQL
  done
  # only a dump that was read to its end is committed
  pg_restore --file=- --no-owner --no-privileges "${from[@]}" && echo 'COMMIT;'
} | psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --output=/dev/null
echo "restored $1 from $2"
