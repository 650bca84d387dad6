#!/usr/bin/env bash
# shards.sh DIR IMAGE : 400 locations in 4 shards, run pods at the same time, answers after 300 ms, on a cluster on which
# this root is applied. No call goes out twice, by the ledger and by the simulator's count; a pod that is killed costs the
# calls under way and nothing else; checks and reports run once for all shards; pods are gone 30 s after their load; old
# records of partitions are deleted.
#
# DIR, the variables in the environment, and TERRAFORM: as for upkeep.sh; on an existing cluster also TF_VAR_work_access_mode or
# TF_VAR_node_selector, as the description of the variable shards says. Takes about 8 minutes.
set -euo pipefail
certificates=$1 image=$2
# shellcheck source=infra/tests/cluster.sh
. "$(dirname "$0")/cluster.sh"
cd "$tests/.."
places=400 shards=4 per_minute=1200

# a run of the schedule would come between the runs that are counted
until_past_the_hour() {
  local left=$((3600 - $(date +%s) % 3600))
  if [ $left -lt "$1" ]; then say "waiting $left s for the full hour to pass"; sleep $((left + 5)); until_idle; fi
}
loads_idle() { [ "$(as dagster dagster "SELECT count(*) FROM runs WHERE pipeline_name = 'weather_ingestion_job' AND status IN ('QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING')")" = 0 ]; }
checks() { as dagster dagster "SELECT count(*) FROM runs WHERE pipeline_name = 'weather_checks_job' AND create_timestamp > '$1'"; }
# materializations of the reports since a moment, and of how many reports; checks that ran more than once since then
reports() { as dagster dagster "SELECT count(*) || ' of ' || count(DISTINCT asset_key) FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION' AND asset_key LIKE '[\"reports\"%' AND timestamp > '$1'"; }
checks_again() { as dagster dagster "SELECT count(*) FROM (SELECT FROM asset_check_executions WHERE create_timestamp > '$1' GROUP BY asset_key, check_name HAVING count(*) > 1) again"; }
runs_of_partitions() { as dagster dagster "SELECT count(*) FROM runs WHERE partition IS NOT NULL"; }
# calls of a resource by path, since the simulator's statistics were reset
calls_of() { simulator_count "paths['/data/2.5/$1']"; }
ledger() { read_rows "SELECT coalesce(sum(calls), 0) FROM bronze._weather_calls WHERE kind = 'hour'"; }
launch_shards() { for number in $(seq $shards); do launch "$number-of-$shards"; done; }

# --- apply

list_of_places $places >"$scratch/places.csv"
TF_VAR_settings=$(with_settings "{\"SOURCES__WEATHER__CALLS_PER_MINUTE\": \"$per_minute\"}")
export TF_VAR_settings TF_VAR_shards=$shards TF_VAR_locations_file=$scratch/places.csv
everything_up "$certificates" "$image"
until_true 900 "the first rows" has_rows
forward_webserver
until_idle
until_past_the_hour 420
kubectl -n weather scale deployment dagster-daemon --replicas=0 >/dev/null # no run before the simulator counts
billed_before=$(ledger)
begin 0.3
${TERRAFORM:-terraform} apply -auto-approve -input=false >"$scratch/terraform" 2>&1 || fail "apply: $(tail -n 20 "$scratch/terraform")"
kubectl -n weather scale deployment dagster-daemon --replicas=1 >/dev/null
everything_up "$certificates" "$image"
say "applied: $places locations, $shards shards"

# --- the first load, by the sensor that sees new places

all_loaded() { [ "$(read_rows "SELECT count(DISTINCT location_id) FROM bronze.air_pollution WHERE location_id IN (SELECT location_id FROM bronze.locations WHERE name LIKE 'place % of $places')")" = $places ]; }
until_true 600 "the first load of all places" all_loaded
until_true 120 "the runs to end" loads_idle
for path in weather forecast air_pollution/forecast air_pollution/history; do equal "calls of $path" "$(calls_of $path)" $places; done
equal "calls in the ledger" "$(($(ledger) - billed_before))" "$(simulator_count "s['by_product']['free']['billed']")"
[ "$(simulator_count "s['by_product']['free']['highest_in_60_seconds']")" -le $per_minute ] || fail "more than $per_minute calls in a minute"
each_answer_once
no_duplicates
say "first load: $((4 * places)) calls, none twice; at most $(simulator_count "s['by_product']['free']['highest_in_60_seconds']") in 60 s, $(simulator_count "s['in_flight_max']") at once"

# --- shards at the same time

until_true 180 "the checks" no_runs_going
sleep 60 # the minute's calls are free again
begin 0.3
mapfile -t launched < <(launch_shards)
for run in "${launched[@]}"; do until_true 300 "a shard's success" has_status "$run" SUCCESS; done
for path in weather forecast air_pollution/forecast; do equal "calls of $path" "$(calls_of $path)" $places; done
[ "$(calls_of air_pollution/history)" -le $places ] || fail "history was asked for twice"
each_answer_once
ids=$(printf "'%s'," "${launched[@]}")
overlap=$(as dagster dagster "SELECT round(min(end_time) - max(start_time)) FROM runs WHERE run_id IN (${ids%,})")
[ "$overlap" -gt 0 ] || fail "the shards' runs did not go on at the same time: $overlap s"
idle=0
for number in $(seq $shards); do
  # from the last row of the shard's load to the end of its container
  pod=$(pod_of "${launched[number - 1]}")
  until_true 30 "the end of the pod of shard $number, whose load has ended" has_ended "$pod"
  ended=$(end_of "$pod")
  seconds=$(read_rows "SELECT round(extract(epoch FROM '$ended'::timestamptz - max(finished_at))) FROM bronze.load_runs WHERE started_at > '$began' AND shard = '$number/$shards'")
  [ "$seconds" -le 30 ] || fail "the pod of shard $number was there $seconds s after its load"
  idle=$((seconds > idle ? seconds : idle))
done
checked() { [ "$(checks "$began")" = 1 ] && no_runs_going; }
until_true 180 "checks and reports" checked
sleep 40 # longer than the sensor's interval: no second one follows
equal "runs of checks and reports for $shards shards" "$(checks "$began")" 1
equal "reports for $shards shards" "$(reports "$began")" "2 of 2"
equal "checks that ran more than once" "$(checks_again "$began")" 0
say "$shards run pods at the same time for $overlap s, each answer once; a pod ends at most $idle s after its load; checks and reports ran once"

# --- one pod is killed

until_past_the_hour 420
told=$(alerts 'len(m)')
begin 1
mapfile -t launched < <(launch_shards)
half() { [ "$(calls_of_snapshots)" -ge $((3 * places / 2)) ]; }
until_true 180 "half of the calls" half
kill_pod "$(pod_of "${launched[1]}")"
say "a pod was killed after $(calls_of_snapshots) of $((3 * places)) calls"
until_true 420 "the killed run to be marked failed" has_status "${launched[1]}" FAILURE
for run in "${launched[0]}" "${launched[2]}" "${launched[3]}"; do until_true 300 "another shard's success" has_status "$run" SUCCESS; done
slow_answers 0.3
sleep 40 # longer than the alert sensor's interval: nothing is said to be over while the shard's places wait
equal "messages that something has succeeded since" "$(alerts "len([a for a in m[$told:] if 'succeeded since' in a])")" 0
until_true 300 "the runs to end" loads_idle
run=$(launch 2-of-$shards)
until_true 300 "the shard's next load" has_status "$run" SUCCESS
kept_all_answers
no_duplicates
say "what the killed shard had fetched is loaded by its next load, $(lost) calls that were under way are lost, no row is lost or double"

# --- Dagster's records of partitions

until_true 180 "the runs to end" no_runs_going
of_partitions=$(runs_of_partitions)
run=$(launch "" prune_job '{ops: {delete_old_runs: {config: {days: 1, most_runs: 2}}}}')
until_true 180 "the pruning" has_status "$run" SUCCESS
kept=$(as dagster dagster "SELECT count(*) FROM runs")
assets=$(as dagster dagster "SELECT count(*) FROM asset_keys")
[ "$kept" -le $((assets + 4)) ] || fail "$kept runs are kept for $assets assets"
of_partitions="$of_partitions before, $(runs_of_partitions) now"
[ "${of_partitions%% *}" -gt "$(runs_of_partitions)" ] || fail "no run of a partition was deleted: $of_partitions"
for table in event_logs asset_check_executions; do
  equal "$table without a run" "$(as dagster dagster "SELECT count(*) FROM $table t WHERE run_id <> '' AND run_id NOT IN (SELECT run_id FROM runs) $([ $table = event_logs ] || echo 'AND id NOT IN (SELECT max(id) FROM asset_check_executions GROUP BY asset_key, check_name)')")" 0
done
equal "tags of events without an event" "$(as dagster dagster 'SELECT count(*) FROM asset_event_tags WHERE event_id NOT IN (SELECT id FROM event_logs)')" 0
say "Dagster's records are pruned, those of partitions too ($of_partitions): $kept runs are kept for $assets assets; passed"
