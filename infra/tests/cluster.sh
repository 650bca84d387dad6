# shellcheck shell=bash
# Sourced by the tests on a real cluster: what they say, wait for, and ask of the database and of Dagster.

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
started=$(date +%s)
scratch=$(mktemp -d)
background=()
clean_up() {
  local code=$? pid
  for pid in "${background[@]}"; do
    pkill -P "$pid" || true # what a loop runs at the moment
    kill "$pid" 2>/dev/null || true
  done
  if [ "$code" -ne 0 ]; then
    kubectl -n weather get pods,jobs || true
    kubectl -n weather logs -l app.kubernetes.io/component=run --tail=8 --prefix || true
    kubectl -n weather logs -l app.kubernetes.io/component=daemon --tail=8 --prefix || true
  fi
  kubectl delete namespace simulator --ignore-not-found >/dev/null || true
  kubectl -n weather delete jobs -l app.kubernetes.io/component=ingestor --ignore-not-found >/dev/null || true
  kubectl -n database delete jobs -l app.kubernetes.io/component=backup --ignore-not-found >/dev/null || true
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
as() { kubectl -n database exec postgres-0 -- env PGPASSWORD="$(password "$1")" psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 -v VERBOSITY=sqlstate -h 127.0.0.1 -U "$1" -d "$2" -c "$3"; }
superuser() { kubectl -n database exec postgres-0 -- psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 -U postgres -d weather -c "$1"; }
# may_not WHAT REFUSAL ROLE DATABASE STATEMENT : the refusal is an SQLSTATE, or a text if the role may not even connect
may_not() {
  if as "${@:3}" >"$scratch/may_not" 2>&1; then fail "$1"; fi
  grep -q "$2" "$scratch/may_not" || fail "$1: refused, but not with $2: $(tail -n 3 "$scratch/may_not")"
}
# account_may_not ACCOUNT VERB... : Kubernetes says no, rather than nothing
account_may_not() {
  local answer
  answer=$(kubectl auth can-i "${@:2}" --as="$1" 2>"$scratch/may_not" || true)
  [[ $answer == no* ]] || fail "$1 may ${*:2}: '$answer' $(tail -n 3 "$scratch/may_not")"
}
read_rows() { as reader weather "$1"; }
has_rows() { [ "$(read_rows 'SELECT count(*) FROM bronze.air_pollution')" -gt 0 ]; }
# run_job NAMESPACE CRONJOB JOB : start a CronJob's Job now, and wait for its end
run_job() {
  # servers before 1.21 do not know the CronJobs that kubectl makes Jobs of; their test kit brings a command for it
  if command -v run-cronjob >/dev/null; then run-cronjob "$1" "$2" "$3" 300 && return; fail "job $3"; fi
  kubectl -n "$1" create job --from="cronjob/$2" "$3" >/dev/null
  kubectl -n "$1" wait --for=condition=complete "job/$3" --timeout=300s >/dev/null || fail "job $3: $(kubectl -n "$1" logs "job/$3" --tail=20)"
}
# in_backups COMMAND... : in a pod with the backups, as the README's "Back up and restore" makes one
in_backups() {
  if ! kubectl -n database get job restore >/dev/null 2>&1; then
    # as `kubectl create job --from` does, also with servers before 1.21
    kubectl -n database get cronjob postgres-restore -o json | python3 -c '
import json, sys
template = json.load(sys.stdin)["spec"]["jobTemplate"]
metadata = {"name": "restore", "namespace": "database", "labels": template["metadata"]["labels"]}
json.dump({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}, sys.stdout)
' | kubectl apply -f - >/dev/null
    until_true 60 "the pod of the restore" kubectl -n database exec job/restore -- true
  fi
  kubectl -n database exec -i job/restore -- "$@"
}
no_duplicates() {
  equal "duplicates in air_pollution" "$(read_rows 'SELECT count(*) - count(DISTINCT (location_id, dt)) FROM bronze.air_pollution')" 0
  equal "duplicates in forecast" "$(read_rows 'SELECT count(*) - count(DISTINCT (location_id, dt, issued_at)) FROM bronze.forecast')" 0
  equal "hours missing" "$(read_rows "SELECT sum(missing) FROM (SELECT extract(epoch FROM max(dt) - min(dt)) / 3600 + 1 - count(*) AS missing FROM bronze.air_pollution GROUP BY location_id) g" | sed 's/\.0*$//')" 0
  equal "rows unaccounted for" "$(read_rows 'SELECT count(*) FROM bronze.load_runs WHERE rows_fetched <> rows_loaded + rows_rejected')" 0
}

# everything_up DIR IMAGE : wait for it, with the simulator in OpenWeather's place
everything_up() {
  local component
  kubectl -n simulator get deployment simulator >/dev/null 2>&1 || bash "$tests/simulator.sh" deploy "$1" "$2" >/dev/null
  kubectl -n database rollout status statefulset/postgres --timeout=300s >/dev/null
  say "PostgreSQL is ready"
  for component in webserver daemon code; do kubectl -n weather rollout status "deployment/dagster-$component" --timeout=300s >/dev/null; done
  say "Dagster's webserver, daemon and code location are ready"
}

# watch_pods : from now on, which Deployments and whose database have a pod that is ready, twice a second
watch_pods() {
  [ -z "${watcher:-}" ] || kill "$watcher" 2>/dev/null || true
  while sleep 0.5; do
    echo "$(date +%s.%N) $(kubectl get -A deployments,statefulsets -l app.kubernetes.io/part-of=weather -o "jsonpath={range .items[*]}{.metadata.name}={.status.readyReplicas} {end}")"
  done >"$scratch/watched" 2>/dev/null &
  watcher=$!
  background+=("$watcher")
}
# away NAME : seconds without a pod that was ready, since watch_pods
away() { awk -v name="^$1=[1-9]" 'NF > 1 { there = 0; for (n = 2; n <= NF; n++) if ($n ~ name) there = 1; if (last && !there) total += $1 - last; last = $1 } END { printf "%.0f", total }' "$scratch/watched"; }
all_away() { for name in dagster-code dagster-webserver dagster-daemon postgres; do printf '%s %s  ' "$name" "$(away "$name")"; done; }

# --- the simulator, by its control calls

# simulator METHOD PATH [JSON] : prints what it answers
simulator() {
  kubectl -n simulator exec deployment/simulator -c simulator -- python -c '
import sys, urllib.request
body = sys.argv[3].encode() if len(sys.argv) > 3 else None
request = urllib.request.Request("http://127.0.0.1:8080/_simulator/" + sys.argv[2], body, method=sys.argv[1])
print(urllib.request.urlopen(request).read().decode())' "$@"
}
# simulator_count EXPRESSION : of its statistics s; by_path has a key for each path that was asked
simulator_count() { simulator GET stats | python3 -c "import collections, json, sys; s = json.load(sys.stdin); paths = collections.Counter(s['by_path']); print($1)"; }
# calls of the resources whose answers cannot be asked for again
calls_of_snapshots() { simulator_count 'sum(n for path, n in paths.items() if path.endswith(("/weather", "/forecast")))'; }

# slow_answers SECONDS : of every call from now on; 0 for none
slow_answers() {
  simulator DELETE faults >/dev/null
  [ "$1" = 0 ] || simulator POST faults "{\"latency\": $1}" >/dev/null
}
# Answers since $began against the tables, for $places locations: each snapshot of every location is there, and of the
# calls that the simulator answered since its statistics were reset none is lost but those that were under way.
answers() { read_rows "SELECT count(*) || ' of ' || count(DISTINCT (location_id, endpoint)) FROM bronze.weather_raw WHERE fetched_at > '$began'"; }
lost() { echo $(($(calls_of_snapshots) - $(answers | cut -d' ' -f1))); }
# shellcheck disable=SC2154 # the script that plays shards sets places
each_answer_once() { equal "answers, of places and endpoints" "$(answers)" "$((3 * places)) of $((3 * places))"; }
complete() { [ "$(answers | cut -d' ' -f3)" = $((3 * places)) ]; }
kept_all_answers() {
  complete || fail "places without an answer: $(answers)"
  [ "$(lost)" -le "$(simulator_count "s['in_flight_max']")" ] || fail "$(lost) answers are lost, more than were under way"
}
# begin SECONDS : count from now on, with answers that take so long
begin() {
  simulator POST reset >/dev/null
  slow_answers "$1"
  began=$(read_rows 'SELECT now()')
}
# a list of so many places, name,lat,lon
list_of_places() {
  python3 -c "
print('name,lat,lon')
for n in range($1): print(f'place {n} of $1,{-60 + 120 * (n * 7 % $1) / $1:.4f},{-180 + 360 * n / $1:.4f}')"
}
# with_settings JSON : TF_VAR_settings, and these
with_settings() { python3 -c 'import json, os, sys; print(json.dumps(json.loads(os.environ["TF_VAR_settings"]) | json.loads(sys.argv[1])))' "$1"; }

# what the alert channel got: alerts EXPRESSION, of the list of messages m
alerts() { kubectl -n simulator logs deployment/simulator -c alerts --tail=-1 | python3 -c "import json, sys; m = [a['title'] + ' ' + a['message'] for a in map(json.loads, sys.stdin)]; print($1)"; }

# --- Dagster's webserver, as a user reaches it

# forward_webserver [SERVICE] : sets ui
forward_webserver() {
  local port service=${1:-dagster-webserver}
  port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
  ui=http://127.0.0.1:$port
  # again and again, because a forwarded port ends with a connection that is cut
  while true; do kubectl -n weather port-forward "service/$service" "$port:3000" >"$scratch/forward" 2>&1 || sleep 1; done &
  background+=($!)
  until_true 60 "$service" curl --silent --fail --noproxy '*' "$ui/server_info"
}
# graphql QUERY EXPRESSION : the expression is Python, of the answer's data d
graphql() {
  curl --silent --fail --noproxy '*' --retry 10 --retry-all-errors --retry-delay 3 "$ui/graphql" -H 'Content-Type: application/json' --data "$(python3 -c 'import json, sys; print(json.dumps({"query": sys.argv[1]}))' "$1")" |
    python3 -c "import json, sys; d = json.load(sys.stdin)['data']; print($2)"
}
selector='repositoryLocationName: "weather", repositoryName: "__repository__"'
# what the runs of a status or schedule are called: runs FILTER
runs() { graphql "{ runsOrError(filter: {$1}, limit: 1) { ... on Runs { results { runId status tags { key value } } } } }" "$2"; }
no_runs_going() { [ "$(runs 'statuses: [QUEUED, STARTING, STARTED, CANCELING]' "len(d['runsOrError']['results'])")" = 0 ]; }
# after a start of the node, the pages are there before the code location is
location_is_loaded() { [ "$(graphql '{ workspaceOrError { ... on Workspace { locationEntries { loadStatus locationOrLoadError { __typename } } } } }' "[e['loadStatus'] + e['locationOrLoadError']['__typename'] for e in d['workspaceOrError']['locationEntries']]")" = "['LOADEDRepositoryLocation']" ]; }
until_idle() { until_true 300 "the runs to end" no_runs_going; }
# launch [PARTITION [JOB [CONFIGURATION [EXPRESSION]]]] : prints the run's id; the configuration is GraphQL
launch() {
  graphql "mutation { launchRun(executionParams: {selector: {$selector, jobName: \"${2:-weather_ingestion_job}\"}, runConfigData: ${3:-{\}}, executionMetadata: {tags: [${1:+{key: \"dagster/partition\", value: \"$1\"\}}]}}) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }" \
    "${4:-d['launchRun']['run']['runId']}"
}
status_of() { graphql "{ runOrError(runId: \"$1\") { ... on Run { status } } }" "d['runOrError']['status']"; }
schedule_is() { [ "$(graphql "{ scheduleOrError(scheduleSelector: {$selector, scheduleName: \"hourly_weather_schedule\"}) { ... on Schedule { scheduleState { status } } } }" "d['scheduleOrError']['scheduleState']['status']")" = "$1" ]; }
pod_of() { kubectl -n weather get pods -l "dagster/run-id=$1" -o name; }
end_of() { kubectl -n weather get "$1" -o jsonpath='{.status.containerStatuses[0].state.terminated.finishedAt}'; }
has_ended() { [ -n "$(end_of "$1")" ]; }
# kill_pod POD : at once; its processes have two seconds more
kill_pod() { kubectl -n weather delete "$1" --grace-period=0 --force >/dev/null 2>&1; }
has_status() { [ "$(status_of "$1")" = "$2" ]; }
