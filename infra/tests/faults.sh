#!/usr/bin/env bash
# faults.sh DIR IMAGE [FAULT...] : what breaks on a cluster on which this root is applied, by the functions below whose names
# begin with fault_, all of them or those named. Each ends with a verdict by the tables: nothing is lost but calls that were
# under way; where a load cannot go on, an alert names the cause; it recovers by itself when the cause is gone.
#
# DIR, the variables in the environment, and TERRAFORM: as for upkeep.sh. A fault takes 1 to 6 minutes. CRASHING_IMAGE is an
# image that the cluster has, whose code location ends at once: fault_bad_image tries it too. FAULTS_VOLUME is a command that
# is called with the name of the database's volume and a size, 2G, to enlarge the file system behind it, which is smaller and
# has nothing else on it; without it fault_volume_full is left out, as is fault_node_stopped without FAULTS_NODE, which is
# called with stop and start, for the only node.
set -euo pipefail
certificates=$1 image=$2 faults=("${@:3}")
# shellcheck source=infra/tests/cluster.sh
. "$(dirname "$0")/cluster.sh"
cd "$tests/.."
places=100

apply() { ${TERRAFORM:-terraform} apply -auto-approve -input=false >"$scratch/terraform" 2>&1 || fail "apply: $(tail -n 20 "$scratch/terraform")"; }
calls_reach() { [ "$(calls_of_snapshots)" -ge "$1" ]; }
told_of() { [ "$(alerts "len([a for a in m[$told:] if '$1' in a])")" -gt 0 ]; }
ready() { kubectl -n "$1" rollout status "$2" --timeout=300s >/dev/null; }
# next_load : a load succeeds, and with it everything is there that was answered since begin
next_load() {
  until_idle
  slow_answers 0
  run=$(launch)
  until_true 300 "the next load" has_status "$run" SUCCESS
  kept_all_answers
  no_duplicates
}
# in_mid_load CALLS SECONDS : a run has got so many answers, each after some seconds
in_mid_load() {
  until_idle
  told=$(alerts 'len(m)')
  begin "$2"
  run=$(launch)
  until_true 180 "$1 calls" calls_reach "$1"
}

fault_database_deleted() {
  in_mid_load 100 4
  kubectl -n database delete pod postgres-0 --grace-period=0 --force >/dev/null 2>&1
  ready database statefulset/postgres
  next_load
  say "PostgreSQL's pod was deleted in mid-load: the run is $(status_of "$run"), $(lost) calls are lost"
}

fault_run_deleted_in_extraction() {
  in_mid_load 100 4
  kill_pod "$(pod_of "$run")"
  until_true 420 "the run to be marked failed" has_status "$run" FAILURE
  next_load
  say "a run's pod was deleted in extraction: $(lost) calls that were under way are lost"
}

fault_run_deleted_in_loading() {
  until_idle
  begin 0
  superuser "SET application_name = 'fault'; BEGIN; LOCK TABLE bronze.weather_raw IN EXCLUSIVE MODE; SELECT pg_sleep(600)" >/dev/null 2>&1 &
  background+=($!)
  run=$(launch)
  waits() { [ "$(superuser "SELECT count(*) FROM pg_stat_activity WHERE usename = 'loader' AND wait_event_type = 'Lock' AND wait_event = 'relation'")" -gt 0 ]; }
  until_true 180 "the run to reach the table" waits
  kill_pod "$(pod_of "$run")"
  sleep 10
  superuser "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'loader'" >/dev/null
  superuser "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fault'" >/dev/null
  equal "answers that are loaded" "$(answers)" "0 of 0"
  until_true 420 "the run to be marked failed" has_status "$run" FAILURE
  next_load
  say "a run's pod was deleted in loading: $(lost) calls are lost"
}

fault_stopped_while_the_api_refuses() {
  in_mid_load 100 2
  slow_answers 0
  simulator POST faults '{"status": 503}' >/dev/null
  sleep 5
  local pod before
  before=$(date +%s)
  pod=$(pod_of "$run")
  kubectl -n weather delete "$pod" --wait=true --timeout=300s >/dev/null || fail "the pod did not end within its grace"
  seconds=$(($(date +%s) - before))
  [ $seconds -lt 290 ] || fail "the pod took all of its grace: $seconds s"
  simulator DELETE faults >/dev/null
  until_true 420 "the run to end" no_runs_going
  run=$(launch)
  until_true 300 "the next load" has_status "$run" SUCCESS
  complete || fail "places without an answer: $(answers)"
  no_duplicates
  say "SIGTERM while the API refuses calls: the pod ended after $seconds s, what it had is loaded: $(answers)"
}

fault_daemon_killed() {
  until_idle
  begin 0
  kubectl -n weather delete pod -l app.kubernetes.io/component=daemon --grace-period=0 --force >/dev/null 2>&1
  run=$(launch)
  ready weather deployment/dagster-daemon
  until_true 300 "the run that was asked for meanwhile" has_status "$run" SUCCESS
  each_answer_once
  no_duplicates
  say "the daemon was killed: the run that was asked for meanwhile went on, each answer once"
}

fault_node_stopped() {
  local calls under_way stopped kept
  if [ -z "${FAULTS_NODE:-}" ]; then say "no command that stops the node: left out"; return; fi
  in_mid_load 100 4
  calls=$(calls_of_snapshots)
  under_way=$(simulator_count "s['in_flight_max']")
  watch_pods
  $FAULTS_NODE stop
  stopped=$(date -u +%FT%TZ)
  sleep 20
  $FAULTS_NODE start
  until_true 300 "the API server and PostgreSQL" superuser 'SELECT 1'
  everything_up "$certificates" "$image"
  until_true 180 "the webserver, and the code location" location_is_loaded
  say "the node was away for 20 s; seconds without a pod: $(all_away)"
  until_true 600 "the run to end" no_runs_going
  run=$(launch)
  until_true 300 "the next load" has_status "$run" SUCCESS
  complete || fail "places without an answer: $(answers)"
  # the simulator, on the same node, has forgotten what it counted
  kept=$(read_rows "SELECT count(*) FROM bronze.weather_raw WHERE fetched_at BETWEEN '$began' AND '$stopped'")
  [ "$kept" -ge $((calls - under_way)) ] || fail "$calls calls before the stop, $kept answers are kept"
  no_duplicates
  say "the node was stopped and started in mid-load: $calls calls before, at most $under_way under way, $kept answers are loaded; all goes on"
}

# a pod waits for a Secret that is missing, and goes on when it is there; a run whose pod waits for 3 minutes fails
fault_secret_missing() {
  local file=$scratch/secret.json pod
  until_idle
  told=$(alerts 'len(m)')
  begin 0
  kubectl -n weather get secret postgres-loader -o json | python3 -c 'import json, sys; s = json.load(sys.stdin); s["metadata"] = {k: s["metadata"][k] for k in ("name", "namespace", "labels")}; json.dump(s, sys.stdout)' >"$file"
  kubectl -n weather delete secret postgres-loader >/dev/null
  run=$(launch)
  waits() { [ "$(kubectl -n weather get "$(pod_of "$run")" -o jsonpath='{.status.containerStatuses[0].state.waiting.reason}')" = CreateContainerConfigError ]; }
  until_true 120 "the run's pod to wait for the Secret" waits
  kubectl apply -f "$file" >/dev/null
  until_true 180 "the run to go on" has_status "$run" SUCCESS
  each_answer_once
  say "a Secret was missing for a moment: the run's pod waited, and went on"
  kubectl -n weather delete secret postgres-loader >/dev/null
  run=$(launch "" prune_job) # an incident of the hourly job waits for its tries
  until_true 300 "the run to fail" has_status "$run" FAILURE
  until_true 120 "an alert with the cause" told_of 'secret "postgres-loader" not found'
  pod=$(pod_of "$run")
  say "a Secret is missing: the run failed after 3 minutes, the alert says $(alerts "[a for a in m[$told:] if 'not found' in a][0][:300].replace(chr(10), ' ')")"
  kubectl apply -f "$file" >/dev/null
  rm "$file"
  until_true 180 "the end of the failed run's pod" has_ended "$pod"
  next_load
  say "the Secret is there again: the failed run's pod has ended, and the next load succeeds"
}

fault_key_refused() {
  until_idle
  told=$(alerts 'len(m)')
  begin 0
  simulator POST faults '{"new_key_not_active": true}' >/dev/null
  run=$(launch)
  until_true 300 "the key to be refused" has_status "$run" FAILURE
  until_true 180 "an alert with the cause" told_of "key"
  say "the key is refused: $(alerts "[a for a in m[$told:] if 'key' in a][0][:200]")"
  simulator DELETE faults >/dev/null
  run=$(launch)
  until_true 300 "the next load" has_status "$run" SUCCESS
  each_answer_once
  no_duplicates
  until_true 180 "the end of the incident to be told" told_of "succeeded since"
  say "the key is taken again: the next load succeeds, each answer once, and the channel is told"
}

# the pods that work, each with its image
working() { kubectl -n weather get pods -l "app.kubernetes.io/component in (webserver, daemon, code)" -o "jsonpath={range .items[*]}{.metadata.uid} {.spec.containers[0].image} {.status.containerStatuses[0].ready}{'\n'}{end}" | grep ' true$' | sort; }
# bad_image IMAGE CAUSE : an apply with it fails with the cause, and changes nothing that works
bad_image() {
  local before cause
  before=$(working)
  if TF_VAR_image=$1 ${TERRAFORM:-terraform} apply -auto-approve -input=false -no-color >"$scratch/terraform" 2>&1; then fail "an apply with $1 succeeds"; fi
  grep -q "dagster-code does not start" "$scratch/terraform" || fail "the apply says something else: $(tail -n 20 "$scratch/terraform")"
  cause=$(grep -o "container [a-z]*, .*: $2.*" "$scratch/terraform") || fail "the apply does not say $2: $(tail -n 20 "$scratch/terraform")"
  equal "the pods that work" "$(working)" "$before"
  equal "image of the CronJob" "$(kubectl -n weather get cronjob ingestor -o jsonpath='{..containers[0].image}')" "$image"
  next_load
  equal "image of the load" "$(kubectl -n weather get "$(pod_of "$run")" -o jsonpath='{.spec.containers[0].image}')" "$image"
  say "an apply with $1 fails: ${cause%%$'\n'*}. Code location, webserver, daemon and CronJob are as before, a load succeeds"
}

fault_bad_image() {
  local before
  until_idle
  begin 0
  before=$(working)
  bad_image "$image-missing" "[A-Za-z]*Image"
  if [ -n "${CRASHING_IMAGE:-}" ]; then bad_image "$CRASHING_IMAGE" CrashLoopBackOff; fi
  apply
  everything_up "$certificates" "$image"
  equal "the pods that work" "$(working)" "$before"
  next_load
  say "with the good image again an apply succeeds, and the same pods work on"
}

in_database() { kubectl -n database exec postgres-0 -- bash -c "cd /var/lib/postgresql/data && $1"; }
is_read_only() { in_database 'test -e read-only'; }
restarts_of_database() { kubectl -n database get pod postgres-0 -o jsonpath='{.status.containerStatuses[0].restartCount}'; }
has_restarted() { [ "$(restarts_of_database)" -gt "$1" ] && superuser 'SELECT 1'; }
fault_volume_full() {
  if [ -z "${FAULTS_VOLUME:-}" ]; then say "no command that sizes a volume: left out"; return; fi
  until_idle
  told=$(alerts 'len(m)')
  begin 0
  local before volume
  volume=$(kubectl -n database get pvc data-postgres-0 -o jsonpath='{.spec.volumeName}')
  before=$(read_rows 'SELECT count(*) FROM bronze.weather_raw')

  in_database 'dd if=/dev/zero of=filled bs=1M count=$(($(df --output=avail --block-size=1M . | tail -n 1) - 50)) status=none'
  until_true 60 "the guard of a volume that is nearly full" is_read_only
  run=$(launch)
  until_true 300 "a load that is held back" has_status "$run" FAILURE
  equal "answers in the tables" "$(read_rows 'SELECT count(*) FROM bronze.weather_raw')" "$before"
  until_true 180 "an alert with the cause" told_of "read-only"
  say "nearly full: $(alerts "[a for a in m[$told:] if 'read-only' in a][0][:300]")"

  # the write-ahead log of a superuser, whom nothing holds back, takes all that is left
  before=$(restarts_of_database)
  if in_database "psql -U postgres -d postgres -c \"SELECT pg_logical_emit_message(FALSE, 'fill', repeat('x', 1000000)) FROM generate_series(1, 400)\"" >/dev/null 2>&1; then fail "the volume took it"; fi
  until_true 120 "a server that starts by its reserve" has_restarted "$before"
  if in_database 'test -e reserve'; then fail "the reserve is still there"; fi
  until_true 180 "Dagster" location_is_loaded
  say "full: the server stopped, and is up again by its reserve: $(kubectl -n database logs postgres-0 | grep -F '[reserve]' | tail -n 1)"

  $FAULTS_VOLUME "$volume" 2G
  rows_are_taken() { in_database 'test -e reserve -a ! -e read-only'; }
  until_true 120 "the database to take rows again" rows_are_taken
  next_load
  until_true 180 "the end of the incident to be told" told_of "succeeded since"
  in_database 'rm filled'
  say "enlarged: rows are taken again, $(lost) calls are lost, the reserve is back, and the channel is told"
}

list_of_places $places >"$scratch/places.csv"
TF_VAR_settings=$(with_settings '{"SOURCES__WEATHER__CALLS_PER_MINUTE": "6000"}')
export TF_VAR_settings TF_VAR_locations_file=$scratch/places.csv
everything_up "$certificates" "$image"
apply
everything_up "$certificates" "$image"
forward_webserver
all_loaded() { [ "$(read_rows "SELECT count(DISTINCT location_id) FROM bronze.air_pollution WHERE location_id IN (SELECT location_id FROM bronze.locations WHERE name LIKE 'place % of $places')")" = $places ]; }
until_true 600 "the first load of all places" all_loaded
say "applied: $places places are loaded"
for fault in "${faults[@]:-$(compgen -A function fault_)}"; do for one in $fault; do "fault_${one#fault_}"; done; done
say "passed"
