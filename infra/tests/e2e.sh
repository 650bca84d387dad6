#!/usr/bin/env bash
# e2e.sh DIR IMAGE : what must hold on a real cluster on which this root is applied, with the simulator for OpenWeather.
#
# DIR has the simulator's certificate (simulator.sh certificate), which the root was applied with (simulator.sh
# environment); the simulator is deployed if it is not there. KUBECONFIG names the cluster. Takes 6 to 10 minutes, and up
# to E2E_WAIT_FOR_HOUR (12) minutes more if the next full hour, when the schedule starts a run, is so near.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
certificates=$1 image=$2
started=$(date +%s)
scratch=$(mktemp -d)
background=()
clean_up() {
  local code=$?
  for pid in "${background[@]}"; do
    pkill -P "$pid" || true # what a loop runs at the moment
    kill "$pid" 2>/dev/null || true
  done
  if [ $code -ne 0 ]; then
    kubectl -n weather get pods,jobs || true
    kubectl -n weather logs -l app.kubernetes.io/component=run --tail=8 --prefix || true
    kubectl -n weather logs -l app.kubernetes.io/component=daemon --tail=8 --prefix || true
  fi
  kubectl delete namespace simulator --ignore-not-found >/dev/null || true
  kubectl -n weather delete jobs first second after-kill after-restore --ignore-not-found >/dev/null || true
  kubectl -n database delete jobs backup --ignore-not-found >/dev/null || true
  rm -rf "$scratch"
}
trap clean_up EXIT

say() { printf '%4d s  %s\n' $(($(date +%s) - started)) "$*"; }
fail() {
  say "FAILED: $*" >&2
  exit 1
}
equal() { [ "$2" = "$3" ] || fail "$1: $2, not $3"; }
# until_true SECONDS WHAT COMMAND... : wait for a command to succeed
until_true() {
  local end=$(($(date +%s) + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s)" -lt $end ] || fail "$what: not in time"
    sleep 2
  done
}

password() { kubectl -n database get secret postgres-secret -o "jsonpath={.data.${1^^}_PASSWORD}" | base64 -d; }
# as ROLE DATABASE STATEMENT : over TCP and with a password, as a client does
as() { kubectl -n database exec postgres-0 -- env PGPASSWORD="$(password "$1")" psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 -h 127.0.0.1 -U "$1" -d "$2" -c "$3"; }
superuser() { kubectl -n database exec postgres-0 -- psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 -U postgres -d weather -c "$1"; }
read_rows() { as reader weather "$1"; }
# run_job NAMESPACE CRONJOB JOB : start a CronJob's Job now, and wait for its end
run_job() {
  # servers before 1.21 do not know the CronJobs that kubectl makes Jobs of; their test kit brings a command for it
  if command -v run-cronjob >/dev/null; then run-cronjob "$1" "$2" "$3" 300 && return; fail "job $3"; fi
  kubectl -n "$1" create job --from="cronjob/$2" "$3" >/dev/null
  kubectl -n "$1" wait --for=condition=complete "job/$3" --timeout=300s >/dev/null || fail "job $3: $(kubectl -n "$1" logs "job/$3" --tail=20)"
}
no_duplicates() {
  equal "duplicates in air_pollution" "$(read_rows 'SELECT count(*) - count(DISTINCT (location_id, dt)) FROM bronze.air_pollution')" 0
  equal "duplicates in forecast" "$(read_rows 'SELECT count(*) - count(DISTINCT (location_id, dt, issued_at)) FROM bronze.forecast')" 0
  equal "hours missing" "$(read_rows "SELECT sum(missing) FROM (SELECT extract(epoch FROM max(dt) - min(dt)) / 3600 + 1 - count(*) AS missing FROM bronze.air_pollution GROUP BY location_id) g" | sed 's/\.0*$//')" 0
  equal "rows unaccounted for" "$(read_rows 'SELECT count(*) FROM bronze.load_runs WHERE rows_fetched <> rows_loaded + rows_rejected')" 0
}

# --- everything comes up

kubectl -n simulator get deployment simulator >/dev/null 2>&1 || bash "$here/simulator.sh" deploy "$certificates" "$image" >/dev/null
kubectl -n database rollout status statefulset/postgres --timeout=300s >/dev/null
say "PostgreSQL is ready"
for component in webserver daemon code; do kubectl -n weather rollout status "deployment/dagster-$component" --timeout=300s >/dev/null; done
say "Dagster's webserver, daemon and code location are ready"

# --- the first rows come by themselves: the daemon sees places that are not loaded

has_rows() { [ "$(read_rows 'SELECT count(*) FROM bronze.air_pollution')" -gt 0 ]; }
until_true 900 "the first rows" has_rows
say "the first rows are in bronze, by a run that nobody asked for"

# --- the webserver, as a user reaches it

port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
ui=http://127.0.0.1:$port
# again and again, because a forwarded port ends with a connection that is cut
while true; do kubectl -n weather port-forward service/dagster-webserver "$port:3000" >"$scratch/forward" 2>&1 || sleep 1; done &
background+=($!)
until_true 60 "the webserver" curl --silent --fail --noproxy '*' "$ui/server_info"
# graphql QUERY EXPRESSION : the expression is Python, of the answer's data d
graphql() {
  curl --silent --fail --noproxy '*' --retry 10 --retry-all-errors --retry-delay 3 "$ui/graphql" -H 'Content-Type: application/json' --data "$(python3 -c 'import json, sys; print(json.dumps({"query": sys.argv[1]}))' "$1")" |
    python3 -c "import json, sys; d = json.load(sys.stdin)['data']; print($2)"
}
selector='repositoryLocationName: "weather", repositoryName: "__repository__"'
# what the runs of a status or schedule are called: runs FILTER
runs() { graphql "{ runsOrError(filter: {$1}, limit: 1) { ... on Runs { results { runId status tags { key value } } } } }" "$2"; }
no_runs_going() { equal runs "$(runs 'statuses: [QUEUED, STARTING, STARTED, CANCELING]' "len(d['runsOrError']['results'])")" 0; }
until_idle() { until_true 300 "the runs to end" bash -c "$(declare -f graphql runs equal fail say); ui='$ui' started=$started; $(declare -f no_runs_going); no_runs_going"; }
launch() {
  graphql "mutation { launchRun(executionParams: {selector: {$selector, jobName: \"weather_ingestion_job\"}, runConfigData: {}}) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }" \
    "d['launchRun']['run']['runId']"
}
status_of() { graphql "{ runOrError(runId: \"$1\") { ... on Run { status } } }" "d['runOrError']['status']"; }
has_status() { [ "$(status_of "$1")" = "$2" ]; }
until_idle
equal "the schedule" "$(graphql "{ scheduleOrError(scheduleSelector: {$selector, scheduleName: \"hourly_weather_schedule\"}) { ... on Schedule { scheduleState { status } } } }" "d['scheduleOrError']['scheduleState']['status']")" RUNNING
say "the webserver answers through a forwarded port; the schedule is on"

# --- the CronJob's load, twice

run_job weather ingestor first
before=$(read_rows 'SELECT count(*) FROM bronze.air_pollution')
run_job weather ingestor second
equal "rows after a second load" "$(read_rows 'SELECT count(*) FROM bronze.air_pollution')" "$before"
no_duplicates
kubectl -n weather logs job/second | python3 -c 'import json, sys; lines = [json.loads(line) for line in sys.stdin if line.startswith("{")]; assert lines, "no JSON logs"'
say "the ingestor's Job loads; a second one adds nothing twice ($before hours of air pollution); its logs are JSON"

# --- the database's pod is replaceable

kubectl -n database delete pod postgres-0 >/dev/null
kubectl -n database rollout status statefulset/postgres --timeout=300s >/dev/null
equal "rows after the database's pod was deleted" "$(read_rows 'SELECT count(*) FROM bronze.air_pollution')" "$before"
say "the database's pod was deleted, its rows are there"

# --- who may what

may_not() { # WHAT ROLE DATABASE STATEMENT
  if as "${@:2}" >/dev/null 2>&1; then fail "$1"; fi
}
may_not "reader writes" reader weather "DELETE FROM bronze.rejects"
may_not "loader reaches Dagster's database" loader dagster "SELECT 1"
may_not "dagster reaches the weather" dagster weather "SELECT 1"
may_not "the superuser comes in over the network" postgres weather "SELECT 1"
account=system:serviceaccount:weather:dagster
for denied in "get secrets" "create pods" "create pods/exec" "list jobs -n database" "get nodes"; do
  # shellcheck disable=SC2086 # several words each
  if kubectl auth can-i $denied -n weather --as="$account" >/dev/null 2>&1 && [ "$denied" != "list jobs -n database" ]; then fail "Dagster may $denied"; fi
done
if kubectl auth can-i list jobs -n database --as="$account" >/dev/null 2>&1; then fail "Dagster may look into namespace database"; fi
kubectl auth can-i create jobs -n weather --as="$account" >/dev/null || fail "Dagster may not start runs"
say "roles and Dagster's account can do what they should, and no more"

# --- a run of the UI, in a pod of its own, with limits

run=$(launch)
until_true 300 "a run's success" has_status "$run" SUCCESS
pod=$(kubectl -n weather get pods -l "dagster/run-id=$run" -o name)
equal "memory limit of the run's pod" "$(kubectl -n weather get "$pod" -o jsonpath='{.spec.containers[0].resources.limits.memory}')" 1Gi
equal "grace of the run's pod" "$(kubectl -n weather get "$pod" -o jsonpath='{.spec.terminationGracePeriodSeconds}')" 300
no_duplicates
say "a run started in the UI succeeds, in a pod of its own"

# --- a run's pod is killed while its rows wait for the database: nothing is lost

launched=$(read_rows 'SELECT now()')
# answers that cannot be asked for again are kept there, each in a row of its own; readers go on, writers wait
superuser "SET application_name = 'e2e lock'; BEGIN; LOCK TABLE bronze.weather_raw IN EXCLUSIVE MODE; SELECT pg_sleep(600)" >/dev/null 2>&1 &
background+=($!)
run=$(launch)
loader_waits() { [ "$(superuser "SELECT count(*) FROM pg_stat_activity WHERE usename = 'loader' AND wait_event_type = 'Lock'")" -gt 0 ]; }
until_true 180 "the run to reach the table" loader_waits
kubectl -n weather delete "$(kubectl -n weather get pods -l "dagster/run-id=$run" -o name)" --grace-period=0 --force >/dev/null 2>&1
killed=$(read_rows 'SELECT now()')
superuser "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'loader' OR application_name = 'e2e lock'" >/dev/null
fetched="SELECT count(*) FROM bronze.weather_raw WHERE fetched_at BETWEEN '$launched' AND '$killed'"
equal "answers of the killed run that are loaded" "$(read_rows "$fetched")" 0
until_true 300 "the killed run to be marked failed" has_status "$run" FAILURE
until_idle
run_job weather ingestor after-kill
kubectl -n weather logs job/after-kill | grep -q "left behind" || fail "nothing was left behind by the killed run"
equal "answers of the killed run" "$(read_rows "$fetched")" 5
no_duplicates
say "a run's pod was killed in mid-load: the run is marked failed, and the next load brought the 5 answers it had fetched"

# --- the schedule

seconds_to_hour=$((3600 - $(date +%s) % 3600))
by_schedule='tags: [{key: "dagster/schedule_name", value: "hourly_weather_schedule"}], statuses: [SUCCESS]'
scheduled() { runs "$by_schedule" "len(d['runsOrError']['results'])"; }
schedule_ran() { [ "$(scheduled)" -gt 0 ]; }
if schedule_ran || [ $seconds_to_hour -le $((60 * ${E2E_WAIT_FOR_HOUR:-12})) ]; then
  until_true $((seconds_to_hour + 300)) "the scheduled run" schedule_ran
  say "the schedule started a run at the full hour, and it succeeded"
else
  say "the next full hour is $((seconds_to_hour / 60)) minutes away: the schedule's own run is not awaited"
fi

# --- back up, lose everything, restore, compare

until_idle
fingerprint() {
  local table
  for table in $(read_rows "SELECT tablename FROM pg_tables WHERE schemaname = 'bronze' ORDER BY 1"); do
    read_rows "SELECT '$table', count(*), md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '')) FROM bronze.$table t"
  done
}
run_job database postgres-backup backup
fingerprint >"$scratch/before"
superuser "DROP SCHEMA bronze CASCADE" >/dev/null 2>&1
newest=$(kubectl -n database exec postgres-0 -- bash -c 'ls /backups/weather-*.dump | tail -n 1')
kubectl -n database exec postgres-0 -- bash /scripts/restore.sh weather "$newest" >/dev/null
fingerprint | diff "$scratch/before" - || fail "the restored tables differ"
run_job weather ingestor after-restore
no_duplicates
say "a backup restored is what was there ($(wc -l <"$scratch/before") tables); loads go on"

# --- logs

for component in webserver daemon code; do
  kubectl -n weather logs -l "app.kubernetes.io/component=$component" --tail=-1 >"$scratch/$component.log"
  python3 - "$scratch/$component.log" <<'PYTHON' || fail "logs of the $component are not JSON"
import json, sys
lines = [line for line in open(sys.argv[1]) if line.strip()]
plain = [line for line in lines if not line.startswith("{")]
[json.loads(line) for line in lines if line.startswith("{")]
sys.exit(f"{len(plain)} of {len(lines)} lines, such as: {plain[0]}" if plain else 0)
PYTHON
done
kubectl logs -n weather -l app.kubernetes.io/part-of=weather --tail=-1 --all-containers >"$scratch/all.log" 2>/dev/null || true
if grep -q 5e171e15ec7e15ec7e15ec7e15ec7e15 "$scratch/all.log"; then fail "the key is in a log"; fi
for role in postgres loader reader dagster; do
  if grep -qF "$(password $role)" "$scratch/all.log"; then fail "a password is in a log"; fi
done
say "logs are JSON, with neither key nor password; passed"
