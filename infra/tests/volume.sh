#!/usr/bin/env bash
# volume.sh : the database's volume runs full, in a container of the local Docker engine; needs root, to mount a small disk.
#
# Proves: before the disk is full, the weather is read-only for loads, while readers go on and a pruning may write; a server
# that crashed on a full disk starts again, because it gives up its reserve; with room again, loads go on and the reserve is
# back. Takes a minute. Not run by .ci/run; POSTGRES_IMAGE, DOCKER: other names than postgres:17, docker.
set -euo pipefail
cd "$(dirname "$0")/.."

DOCKER=${DOCKER:-docker}
name=weather-volume-test-$$
disk=$(mktemp -d)
clean_up() {
  $DOCKER rm --force --volumes "$name" >/dev/null 2>&1 || true
  umount "$disk" || true
  rmdir "$disk"
}
trap clean_up EXIT
say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
fail() {
  say "FAILED: $*"
  df -m "$disk" >&2
  $DOCKER logs --tail 20 "$name" >&2 || true
  exit 1
}
until_true() {
  local end=$((SECONDS + $1))
  until "${@:3}" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || fail "$2: not within $1 s"
    sleep 0.5
  done
}
as() { $DOCKER exec -i "$name" env PGPASSWORD="$1" PGOPTIONS="${3:-}" psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 -v VERBOSITY=sqlstate -h 127.0.0.1 -U "$1" -d weather -c "$2"; }
superuser() { $DOCKER exec -i "$name" psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 -U postgres -d postgres -c "$1"; }
ended() { [ "$($DOCKER inspect --format '{{.State.Running}}' "$name")" = false ]; }
refused() { [[ $(as loader "CREATE TABLE bronze.refused (i int)" 2>&1) == *25006* ]]; }

mount -t tmpfs -o size=400m tmpfs "$disk"
chmod 777 "$disk"
$DOCKER create --name "$name" --user 999:999 --read-only --cap-drop ALL --tmpfs /tmp --tmpfs /var/run/postgresql:uid=999 \
  --volume "$disk:/var/lib/postgresql/data" --volume /scripts --env PGDATA=/var/lib/postgresql/data/pgdata \
  --env POSTGRES_DB=weather --env POSTGRES_PASSWORD=x --env LOADER_PASSWORD=loader --env READER_PASSWORD=reader \
  --env DAGSTER_PASSWORD=dagster --env BACKUP_PASSWORD=backup --env RESERVE_MIB=32 --env RESERVE_SECONDS=1 \
  --entrypoint bash "${POSTGRES_IMAGE:-postgres:17}" /scripts/server.sh -c max_wal_size=64MB >/dev/null
tar --create --directory modules/postgres/scripts . | $DOCKER cp - "$name:/scripts"
$DOCKER start "$name" >/dev/null
$DOCKER exec "$name" bash /scripts/roles.sh
until_true 30 "the reserve" test -e "$disk/reserve"
measured() { [ "$(as reader 'SELECT total_bytes = 400 * 1048576 AND free_bytes BETWEEN 1 AND total_bytes FROM upkeep.volume')" = t ]; }
until_true 30 "the size of the disk in a table" measured
say "the server runs, with a reserve of $(stat --format=%s "$disk/reserve") bytes, and tells the size of its disk"

# --- nearly full

as loader "CREATE TABLE bronze.filled (i int, t text); CREATE TABLE bronze.pruned (i int, t text)"
as loader "INSERT INTO bronze.pruned SELECT n, repeat('x', 1000) FROM generate_series(1, 30000) n"
stopped() { ! as loader "INSERT INTO bronze.filled SELECT n, repeat('x', 1000) FROM generate_series(1, 10000) n"; }
until_true 60 "the disk to be nearly full" stopped
[ -e "$disk/reserve" ] || fail "the reserve is gone, although the server had not stopped"
refused || fail "loads are not refused"
[ "$(as reader 'SELECT count(*) FROM bronze.pruned')" = 30000 ] || fail "readers"
say "nearly full: loads are refused with 25006, readers go on"

# --- full: the log of a superuser, whom nothing holds back, takes all that is left

if superuser "SELECT pg_logical_emit_message(FALSE, 'fill', repeat('x', 1000000)) FROM generate_series(1, 400)" >/dev/null 2>&1; then fail "the disk took it"; fi
until_true 60 "the end of the server" ended
[ -e "$disk/reserve" ] || fail "the reserve went while the server ran"
# without the reserve it does not start
mv "$disk/reserve" "$disk/elsewhere"
$DOCKER start "$name" >/dev/null
until_true 60 "the end of a server without room" ended
mv "$disk/elsewhere" "$disk/reserve"
$DOCKER start "$name" >/dev/null
until_true 60 "a server that starts" superuser "SELECT 1"
[ ! -e "$disk/reserve" ] || fail "the reserve is still there"
say "the server ended with a PANIC on a full disk, and starts with the room of its reserve, not without it"
refused || fail "loads are not refused"
as loader "DROP TABLE bronze.pruned" "-c default_transaction_read_only=off" || fail "a pruning may not write"
as reader "SELECT count(*) FROM bronze.filled" >/dev/null || fail "readers"

# --- room again

as loader "TRUNCATE bronze.filled" "-c default_transaction_read_only=off"
until_true 30 "the reserve" test -e "$disk/reserve"
until_true 30 "loads to be taken again" as loader "CREATE TABLE bronze.again (i int)"
say "with room again, the reserve is back and loads are taken; passed"
