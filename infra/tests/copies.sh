#!/usr/bin/env bash
# copies.sh : backups are copied to a bucket of a server that speaks S3's API (moto, from PyPI), and come back from there; in
# containers of the local Docker engine. Needs uv, and an image with rclone.
#
# Proves: a good dump is copied, with its checksum; a bucket that refuses leaves the dump good, is told in the table and by the
# exit code 4, and the next dump is copied again; without the volume, the copy is what is restored; the bucket's key, by
# either of the names that it may have, is in no log. Takes half a minute. Not run by .ci/run; POSTGRES_IMAGE, RCLONE_IMAGE,
# DOCKER: other names than postgres:17, rclone/rclone:1.75.1, docker.
set -euo pipefail
cd "$(dirname "$0")/.."

DOCKER=${DOCKER:-docker}
name=weather-copies-test-$$
scratch=$(mktemp -d)
server=
clean_up() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  $DOCKER rm --force --volumes "$name" "$name-rclone" >/dev/null 2>&1 || true
  $DOCKER network rm "$name" >/dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap clean_up EXIT
say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
fail() {
  say "FAILED: $*"
  tail -n 20 "$scratch"/*.log >&2 || true
  $DOCKER logs --tail 10 "$name" >&2 || true
  exit 1
}
until_true() {
  local end=$((SECONDS + $1))
  until "${@:3}" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || fail "$2: not within $1 s"
    sleep 0.5
  done
}

# --- a server of S3's API, and the database as the cluster runs it, with rclone from its image

$DOCKER network create "$name" >/dev/null
gateway=$($DOCKER network inspect --format '{{(index .IPAM.Config 0).Gateway}}' "$name")
uv tool run --quiet --from 'moto[server]' moto_server -H "$gateway" -p 5599 >"$scratch/moto.log" 2>&1 &
server=$!
until_true 90 "the server of the bucket" curl --silent --noproxy '*' "http://$gateway:5599/"
bucket() { curl --silent --fail --noproxy '*' --request "$1" "http://$gateway:5599/backups" >/dev/null; }
bucket PUT

tar --create --directory modules/postgres/scripts . | gzip >"$scratch/scripts.tar.gz"
$DOCKER create --name "$name-rclone" "${RCLONE_IMAGE:-rclone/rclone:1.75.1}" >/dev/null
$DOCKER cp "$name-rclone:/usr/local/bin/rclone" "$scratch/rclone" >/dev/null
tar --create --directory "$scratch" rclone | gzip >"$scratch/tools.tar.gz"
$DOCKER create --name "$name" --network "$name" --user 999:999 --read-only --cap-drop ALL --tmpfs /tmp --tmpfs /var/run/postgresql:uid=999 \
  --tmpfs /backups:uid=999 --volume /var/lib/postgresql/data --volume /scripts --volume /tools \
  --env PGDATA=/var/lib/postgresql/data/pgdata --env POSTGRES_DB=weather --env POSTGRES_PASSWORD=for-nobody \
  --env LOADER_PASSWORD=loads --env READER_PASSWORD=reads --env DAGSTER_PASSWORD=orchestrates --env BACKUP_PASSWORD=copies \
  --entrypoint bash "${POSTGRES_IMAGE:-postgres:17}" /scripts/server.sh >/dev/null
gunzip <"$scratch/scripts.tar.gz" | $DOCKER cp --quiet - "$name:/scripts"
gunzip <"$scratch/tools.tar.gz" | $DOCKER cp --quiet - "$name:/tools"
$DOCKER start "$name" >/dev/null
in_database() { $DOCKER exec -i "$name" "$@"; }
until_true 60 "the database" in_database pg_isready --quiet --host=127.0.0.1 --username=reader --dbname=weather
until_true 30 "the roles" in_database bash /scripts/roles.sh
superuser() { in_database psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 -U postgres -d "${2:-weather}" -c "$1"; }
superuser "CREATE TABLE bronze.kept AS SELECT generate_series(1, 1000) AS i; ALTER TABLE bronze.kept OWNER TO loader"
superuser "CREATE TABLE runs (i int); ALTER TABLE runs OWNER TO dagster" dagster
# what the module copies.tf sets
remote=(env COPIES=copies:backups/weather RCLONE_CONFIG_COPIES_TYPE=s3 RCLONE_CONFIG_COPIES_PROVIDER=Other
  "RCLONE_CONFIG_COPIES_ENDPOINT=http://$gateway:5599")
key=(RCLONE_CONFIG_COPIES_ACCESS_KEY_ID=AK1A RCLONE_CONFIG_COPIES_SECRET_ACCESS_KEY=5e171e15ec7e15ec)
back_up() { in_database "${remote[@]}" "${key[@]}" PGHOST=127.0.0.1 bash /scripts/backup.sh >>"$scratch/backup.log" 2>&1; }
told() { superuser "SELECT count(*) FROM upkeep.backups WHERE last_error IS NULL AND $1"; }
listed() { in_database "${remote[@]}" "${key[@]}" sh -c '/tools/rclone lsf "$COPIES" --config= | sort'; }
say "PostgreSQL, a bucket and rclone are there"

# --- copied, refused, copied again

back_up || fail "the backup"
[ "$(listed | wc -l)" = 4 ] || fail "not two dumps and their checksums: $(listed)"
[ "$(told "copied_at >= last_good_at AND copy_error IS NULL AND copy_due_by IS NULL")" = 2 ] || fail "the table does not tell of the copies"
say "both dumps are copied, with their checksums"

in_database "${remote[@]}" "${key[@]}" sh -c '/tools/rclone delete "$COPIES" --config='
bucket DELETE
sleep 1 # files are named after the second
code=0
back_up || code=$?
[ "$code" = 4 ] || fail "a copy that failed ended with $code"
[ "$(told "copied_at < last_good_at AND copy_error LIKE '%NoSuchBucket%' AND copy_due_by > now()")" = 2 ] || fail "the table does not tell of the failure: $(superuser "TABLE upkeep.backups")"
[ "$(in_database bash -c 'ls /backups/*.dump | wc -l')" = 4 ] || fail "the dumps are not kept"
bucket PUT
sleep 1
# as it comes from a Secret that exists
key=(RCLONE_CONFIG_COPIES_ENV_AUTH=true AWS_ACCESS_KEY_ID=AK1A AWS_SECRET_ACCESS_KEY=5e171e15ec7e15ec)
back_up || fail "the backup after the bucket is back"
[ "$(told "copied_at >= last_good_at AND copy_error IS NULL AND copy_due_by IS NULL")" = 2 ] || fail "the table tells of an error that is over"
say "without the bucket the dumps are good, the table and the exit code tell it; with it, the next ones are copied"

# --- all is lost but the bucket

in_database bash -c 'rm /backups/*'
superuser "DROP SCHEMA bronze CASCADE" >/dev/null 2>&1
in_database bash /scripts/roles.sh
dump=$(listed | grep '^weather-.*dump$' | sort | tail -n 1)
# shellcheck disable=SC2016 # the container's variable
in_database "${remote[@]}" "${key[@]}" sh -c '/tools/rclone copy "$COPIES" /backups --config= --include "'"${dump%.dump}"'.*"'
in_database test -e "/backups/$dump.sha256" || fail "the checksum did not come back"
in_database bash /scripts/restore.sh weather "/backups/$dump" >"$scratch/restore.log" 2>&1 || fail "the restore"
[ "$(superuser "SELECT sum(i) FROM bronze.kept")" = 500500 ] || fail "not what was there"
if grep --quiet 5e171e15ec7e15ec "$scratch"/*.log; then fail "the key is in a log"; fi
say "the copy is restored, its checksum compared; the key is in no log; passed"
