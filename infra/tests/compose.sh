#!/usr/bin/env bash
# compose.sh : the services of one machine, in the local Docker engine, with the simulator in OpenWeather's place.
#
# Proves: one command brings everything up, healthy; within two minutes Dagster has loaded rows and its page answers; every
# container is hardened; the key is in no environment or log; a code server that dies in a load comes back, its run is
# marked as failed and a new one succeeds; a stop and a start keep all rows, and bring another key; a backup is restored.
# Takes 3 to 6 minutes. In the end nothing of it is left but the image.
#
#   WEATHER_IMAGE, POSTGRES_IMAGE, DOCKER   other names than weather (which must be built), postgres:17, docker
#   SHORT=1                                 only until the page answers, and down
set -euo pipefail
cd "$(dirname "$0")/../.."

DOCKER=${DOCKER:-docker}
export PROJECT_NAME=weather-compose-test-$$ WEBSERVER_PORT=0
KEY=$(sed -n 's/^OPENWEATHER_API_KEY=//p' infra/demo.env)
scratch=$(mktemp -d)
export ENV_FILE=$scratch/demo.env # a copy, which another key is written into
cp infra/demo.env "$ENV_FILE"
chmod 600 "$ENV_FILE"
compose() { $DOCKER compose -f infra/compose.yaml --env-file infra/demo.env "$@"; }
clean_up() {
  compose --profile backup down --volumes --timeout 10 >/dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap clean_up EXIT

say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
fail() {
  say "FAILED: $*"
  compose ps --all >&2 || true
  compose logs --tail 15 >&2 || true
  exit 1
}
# until_true SECONDS WHAT COMMAND... : a command that succeeds within so many seconds
until_true() {
  local end=$((SECONDS + $1))
  until "${@:3}" >"$scratch/until" 2>&1; do
    [ $SECONDS -lt $end ] || fail "$2: not within $1 s"
    sleep 1
  done
}
# as ROLE DATABASE STATEMENT
as() {
  compose exec -T postgres bash -c 'set -a; . /run/secrets/passwords; PGPASSWORD=$(n=${1^^}_PASSWORD; echo "${!n}") \
    psql --no-psqlrc -At -v ON_ERROR_STOP=1 -h 127.0.0.1 -U "$1" -d "$2" -c "$3"' bash "$@"
}
rows() { as reader weather "SELECT count(*) FROM bronze.air_pollution"; }
runs() { as dagster dagster "SELECT count(*) FROM runs WHERE status = '$1'"; }
is() { test "$("${@:2}")" "${1%% *}" "${1#* }"; }
page() { curl --silent --fail --max-time 20 "http://$(compose port webserver 3000)$1" "${@:2}"; }

# --- up

compose up --wait --no-build >"$scratch/up" 2>&1 || { tail -n 20 "$scratch/up"; fail "up"; }
say "up, and healthy: $(compose ps --format '{{.Service}}' | sort | tr '\n' ' ')"
until_true 300 "the first load" is "-ge 1" runs SUCCESS
[ "$(rows)" -gt 0 ] || fail "no rows"
page /server_info >"$scratch/page" || fail "the page"
page /graphql --header 'content-type: application/json' \
  --data '{"query": "{assetNodes {assetKey {path} assetMaterializations(limit: 1) {runId}}}"}' >"$scratch/assets" || fail "GraphQL"
grep --quiet '"runId"' "$scratch/assets" || fail "the page shows no materialization"
say "Dagster loaded $(rows) hours of air pollution; the page answers and shows them"
# shellcheck disable=SC2046 # an ID a word
$DOCKER stats --no-stream --format '{{.Name}} {{.MemUsage}}' $(compose ps -q) | sed "s/$PROJECT_NAME-/           /" | sort
[ -z "${SHORT:-}" ] || { say "passed, the short way"; exit 0; }

# --- hardened

# shellcheck disable=SC2046 # an ID a word
$DOCKER inspect $(compose ps --all --quiet) >"$scratch/inspect"
python3 - "$scratch/inspect" <<'PY' || fail "a container is not hardened"
import json, sys
for one in json.load(open(sys.argv[1])):
    host, service = one["HostConfig"], one["Config"]["Labels"]["com.docker.compose.service"]
    assert host["CapDrop"] == ["ALL"] and not host["Privileged"] and host["ReadonlyRootfs"], service
    assert "no-new-privileges:true" in host["SecurityOpt"], service
    # this one ends at once
    assert service == "secrets" or not host["CapAdd"] and one["Config"]["User"] not in ("", "0", "0:0", "root"), service
    assert all(port["HostIp"] == "127.0.0.1" for ports in (host["PortBindings"] or {}).values() for port in ports), service
    assert host["LogConfig"]["Config"].get("max-size"), service
PY
if grep --quiet "$KEY" "$scratch/inspect"; then fail "docker inspect shows the key"; fi
compose logs --no-color >"$scratch/logs" 2>&1
if grep --quiet "$KEY" "$scratch/logs"; then fail "the logs show the key"; fi
for password in superuser loader reader dagster; do
  value=$(compose exec -T postgres cat "/run/secrets/$password-password")
  [ ${#value} = 48 ] || fail "no password of $password"
  if grep --quiet "$value" "$scratch/inspect" "$scratch/logs"; then fail "the password of $password is shown"; fi
done
say "hardened, bound to 127.0.0.1; neither key nor password in an environment or log"

# --- the code server dies in a load

mutation='{"query": "mutation {launchPipelineExecution(executionParams: {selector: {repositoryLocationName: \"weather\", repositoryName: \"__repository__\", jobName: \"weather_ingestion_job\"}, runConfigData: {}}) {__typename ... on LaunchRunSuccess {run {runId}}}}"}'
launch() { page /graphql --header 'content-type: application/json' --data "$mutation" | sed -n 's/.*"runId": *"\([^"]*\)".*/\1/p'; }
status_of() { as dagster dagster "SELECT status FROM runs WHERE run_id = '$run'"; }
run=$(launch)
[ -n "$run" ] || fail "no run was started"
until_true 120 "the run to start" is "= STARTED" status_of
compose exec -T code python -c 'import psutil; [one.kill() for one in psutil.Process(1).children()]' || true
until_true 120 "the dead run to be marked" is "= FAILURE" status_of
until_true 60 "the code server to be healthy" compose exec -T code python -m dagster_project.instance.health code
run=$(launch)
until_true 240 "a run after the death" is "= SUCCESS" status_of
[ "$(as reader weather 'SELECT count(*) - count(DISTINCT (location_id, dt)) FROM bronze.air_pollution')" = 0 ] || fail "duplicates"
say "a code server that was killed in a load came back; its run is marked as failed, the next one succeeded"

# --- stop, another key, and start

before=$(rows)
compose stop >"$scratch/stop" 2>&1 || fail "stop"
NEW_KEY=${KEY//0/1}
sed -i "s/^OPENWEATHER_API_KEY=.*/OPENWEATHER_API_KEY=$NEW_KEY/" "$ENV_FILE"
compose up --wait --no-build >"$scratch/up" 2>&1 || { tail -n 20 "$scratch/up"; fail "the second up"; }
[ "$(rows)" -ge "$before" ] || fail "rows are lost"
[ "$(runs SUCCESS)" -ge 2 ] || fail "Dagster's records are lost"
[ "$(compose exec -T code cat /run/secrets/sources--weather--api-key)" = "$NEW_KEY" ] || fail "the key is still the old one"
say "stopped and started with another key: $(rows) hours, $before before"

# --- back up and restore

compose run --rm backup /scripts/backup.sh >"$scratch/backup" 2>&1 || { cat "$scratch/backup"; fail "the backup"; }
newest=$(compose exec -T postgres bash -c 'ls /backups/weather-*.dump | tail -n 1')
kept=$(rows)
as loader weather 'TRUNCATE bronze.air_pollution' >/dev/null
compose run --rm roles /scripts/restore.sh weather "$newest" >"$scratch/restore" 2>&1 || { cat "$scratch/restore"; fail "the restore"; }
[ "$(rows)" = "$kept" ] || fail "the backup has other rows"
say "a backup was made and restored: $kept hours; passed"
