#!/usr/bin/env bash
# e2e.sh DIR IMAGE : what must hold on a real cluster on which this root is applied, with the simulator for OpenWeather.
#
# DIR has the simulator's certificate (simulator.sh certificate), which the root was applied with (simulator.sh
# environment); the simulator is deployed if it is not there. KUBECONFIG names the cluster. Takes 6 to 10 minutes, and up
# to E2E_WAIT_FOR_HOUR (12) minutes more if the next full hour, when the schedule starts a run, is so near.
set -euo pipefail
certificates=$1 image=$2
# shellcheck source=infra/tests/cluster.sh
. "$(dirname "$0")/cluster.sh"

# --- everything comes up

everything_up "$certificates" "$image"

# --- the first rows come by themselves: the daemon sees places that are not loaded

until_true 900 "the first rows" has_rows
say "the first rows are in bronze, by a run that nobody asked for"

# --- the webserver

forward_webserver
until_idle
schedule_is RUNNING || fail "the schedule is not on"
say "the webserver answers through a forwarded port; the schedule is on"

if kubectl -n weather get service dagster-viewer >"$scratch/viewer" 2>&1; then
  kubectl -n weather rollout status deployment/dagster-viewer --timeout=300s >/dev/null
  webserver=$ui
  forward_webserver dagster-viewer
  schedule_is RUNNING || fail "the read-only webserver does not show the schedule"
  equal "a launch by the read-only webserver" "$(launch "" "" "" "d['launchRun']['__typename']")" UnauthorizedError
  ui=$webserver
  say "the read-only webserver shows the pages and refuses to launch"
fi

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

may_not "reader writes" 42501 reader weather "DELETE FROM bronze.air_pollution"
may_not "loader reaches Dagster's database" "no pg_hba.conf entry" loader dagster "SELECT 1"
may_not "dagster reaches the weather" "no pg_hba.conf entry" dagster weather "SELECT 1"
may_not "the superuser comes in over the network" "no pg_hba.conf entry" postgres weather "SELECT 1"
account=system:serviceaccount:weather:dagster
for denied in "get secrets" "create pods" "create pods/exec" "get nodes"; do
  # shellcheck disable=SC2086 # two words each
  account_may_not "$account" $denied -n weather
done
account_may_not "$account" list jobs -n database
kubectl auth can-i create jobs -n weather --as="$account" >/dev/null || fail "Dagster may not start runs"
say "roles and Dagster's account can do what they should, and no more"

# --- who may reach what

kubectl get networkpolicies,pods --all-namespaces -o json >"$scratch/network.json"
(cd "$(dirname "$0")/../.." && python3 -m tests.infra.network_policies) <"$scratch/network.json" >"$scratch/policies" ||
  fail "the network policies: $(cat "$scratch/policies")"
# reaches COMPONENT HOST PORT : by a pod's own attempt
reaches() { kubectl -n weather exec "deployment/dagster-$1" -- python -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)' "$2" "$3" >/dev/null 2>&1; }
simulator=simulator.simulator.svc.cluster.local
reaches code "$simulator" 8443 || fail "the code location does not reach the simulator"
if reaches code dagster-webserver 3000; then
  say "the policies mean what they should; this cluster's network does not enforce them"
else
  for closed in "code kubernetes.default.svc 443" "daemon $simulator 8443" "webserver $simulator 8443"; do
    # shellcheck disable=SC2086 # three words each
    if reaches $closed; then fail "open, but should not be: $closed"; fi
  done
  say "the policies mean what they should, and this cluster's network enforces them"
fi

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
asked=$(calls_of_snapshots)
# answers that cannot be asked for again are kept there, each in a row of its own; readers go on, writers wait
superuser "SET application_name = 'e2e lock'; BEGIN; LOCK TABLE bronze.weather_raw IN EXCLUSIVE MODE; SELECT pg_sleep(600)" >/dev/null 2>&1 &
background+=($!)
run=$(launch)
loader_waits() { [ "$(superuser "SELECT count(*) FROM pg_stat_activity WHERE usename = 'loader' AND wait_event_type = 'Lock'")" -gt 0 ]; }
until_true 180 "the run to reach the table" loader_waits
kubectl -n weather delete "$(kubectl -n weather get pods -l "dagster/run-id=$run" -o name)" --grace-period=0 --force >/dev/null 2>&1
# a pod's name is free before its process is gone: within its last two seconds a run would load what it has after all
run_is_gone() { [ "$(superuser "SELECT count(*) FROM pg_stat_activity WHERE usename = 'loader' AND state = 'idle'")" = 0 ]; }
until_true 60 "the end of the run's process" run_is_gone
killed=$(read_rows 'SELECT now()')
# what waits for the table first, or it would get it
for session in "usename = 'loader'" "application_name = 'e2e lock'"; do
  superuser "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE $session" >/dev/null
done
answers=$(($(calls_of_snapshots) - asked))
[ $answers -ge 5 ] || fail "the killed run had fetched $answers answers"
fetched="SELECT count(*) FROM bronze.weather_raw WHERE fetched_at BETWEEN '$launched' AND '$killed'"
equal "answers of the killed run that are loaded" "$(read_rows "$fetched")" 0
until_true 300 "the killed run to be marked failed" has_status "$run" FAILURE
until_idle
run_job weather ingestor after-kill
kubectl -n weather logs job/after-kill >"$scratch/after-kill.log"
grep -q "left behind" "$scratch/after-kill.log" || fail "nothing was left behind by the killed run"
equal "answers of the killed run" "$(read_rows "$fetched")" $answers
no_duplicates
say "a run's pod was killed in mid-load: the run is marked failed, and the next load brought the $answers answers it had fetched"

# --- what retention does not keep is deleted, by the CronJob and by Dagster

# of each table: its name, the number of its rows, and a hash of them
fingerprint() {
  local rows="md5(coalesce(string_agg(md5(t::text), '''' ORDER BY md5(t::text)), ''''))"
  read_rows "$(read_rows "SELECT string_agg(format('SELECT %L, count(*), $rows FROM bronze.%I t', tablename, tablename), ' UNION ALL ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'bronze'")"
}
# the answers and forecasts that are there, once more as they would be after a year
age_rows() {
  local old
  for old in "weather_raw fetched_at" "forecast issued_at"; do
    superuser "INSERT INTO bronze.${old% *} SELECT (jsonb_populate_record(t, jsonb_build_object('${old#* }', ${old#* } - interval '400 days'))).* FROM bronze.${old% *} t"
  done
}
until_idle
fingerprint >"$scratch/before"
for by in CronJob Dagster; do
  age_rows
  if fingerprint | diff -q "$scratch/before" - >/dev/null; then fail "no old rows were made"; fi
  if [ $by = CronJob ]; then
    run_job weather prune prune
  else
    run=$(launch "" prune_tables_job)
    until_true 180 "the pruning" has_status "$run" SUCCESS
  fi
  fingerprint | diff "$scratch/before" - || fail "not the old rows alone are gone, by $by"
done
say "old answers and forecasts are deleted, by the CronJob and by Dagster, and nothing else"

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
run_job database postgres-backup backup
fingerprint >"$scratch/before"
superuser "DROP SCHEMA bronze CASCADE" >/dev/null 2>&1
newest=$(in_backups bash -c 'ls /backups/weather-*.dump | tail -n 1')
# the schemas are made again at the server's start
kubectl -n database exec postgres-0 -- bash /scripts/roles.sh
in_backups bash /scripts/restore.sh weather "$newest" >/dev/null
equal "volumes that the server measures" "$(read_rows 'SELECT count(*) FROM upkeep.volume WHERE free_bytes BETWEEN 1 AND total_bytes')" 1
equal "backups that the table knows" "$(read_rows 'SELECT count(*) FROM upkeep.backups WHERE last_error IS NULL AND due_by > now()')" 2
fingerprint | diff "$scratch/before" - || fail "the restored tables differ"
run_job weather ingestor after-restore
no_duplicates
say "a backup restored is what was there ($(wc -l <"$scratch/before") tables); loads go on"

# --- logs

for component in webserver daemon code; do
  kubectl -n weather logs -l "app.kubernetes.io/component=$component" --all-containers --tail=-1 >"$scratch/$component.log"
  python3 - "$scratch/$component.log" <<'PYTHON' || fail "logs of the $component are not JSON"
import json, sys
lines = [line for line in open(sys.argv[1]) if line.strip()]
plain = [line for line in lines if not line.startswith("{")]
[json.loads(line) for line in lines if line.startswith("{")]
sys.exit(f"{len(plain)} of {len(lines)} lines, such as: {plain[0]}" if plain else 0)
PYTHON
done
kubectl logs -n weather -l app.kubernetes.io/part-of=weather --tail=-1 --all-containers >"$scratch/all.log" 2>/dev/null || true
[ -s "$scratch/all.log" ] || fail "no logs"
if grep -q 5e171e15ec7e15ec7e15ec7e15ec7e15 "$scratch/all.log"; then fail "the key is in a log"; fi
for role in postgres loader reader dagster; do
  secret=$(password $role)
  [ -n "$secret" ] || fail "$role has no password"
  if grep -qF "$secret" "$scratch/all.log"; then fail "a password is in a log"; fi
done
say "logs are JSON, with neither key nor password; passed"
