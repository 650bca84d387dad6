#!/usr/bin/env bash
# heartbeat.sh DIR IMAGE : the heartbeat of daemon and CronJob, on a cluster on which this root is applied. A service hears
# success while every place has recent rows by the tables, failure with place and cause while one has none, and nothing while
# the database is away, which restarts no pod.
#
# DIR, the variables in the environment, and TERRAFORM: as for upkeep.sh. Takes 12 to 17 minutes, since the daemon's sensor
# reports every 5.
set -euo pipefail
certificates=$1 image=$2
# shellcheck source=infra/tests/cluster.sh
. "$(dirname "$0")/cluster.sh"
cd "$tests/.."
interval=330 # of the sensor, and the time that the daemon takes

# from now on, of what is heard and said
count() { heard_before=$(alerts 'len(m)') since=$(date +%s); }
# heard PATH : how often
heard() { alerts "len([a for a in m[$heard_before:] if a.startswith('$1 ')])"; }
# what the ticks of the daemon's sensor ended with, and when, the newest first
ticks() { graphql "{ sensorOrError(sensorSelector: {$selector, sensorName: \"heartbeat_sensor\"}) { ... on Sensor { sensorState { ticks(limit: 9) { timestamp skipReason } } } } }" "$1"; }
ticked() { ticks "len([t for t in d['sensorOrError']['sensorState']['ticks'] if t['timestamp'] > $since and '$1' in (t['skipReason'] or '')])"; }
has_ticked() { [ "$(ticked "$1")" -gt 0 ]; }
# both_report NAME SENTENCE PATH OTHER : a Job of that name and the daemon, by PATH, and neither by OTHER
both_report() {
  run_job weather ingestor "$1"
  kubectl -n weather logs "job/$1" >"$scratch/said"
  grep -qF "$2" "$scratch/said" || fail "the Job does not say \"$2\": $(tail -n 5 "$scratch/said")"
  until_true $interval "the daemon's \"$2\"" has_ticked "$2"
  equal "heartbeats to $3" "$(heard "$3")" "$((1 + $(ticked "$2")))"
  equal "heartbeats to $4" "$(heard "$4")" 0
}
sent="The heartbeat is sent" failed="The heartbeat reports a failure"
# pairs of a place of the list and a table whose newest row is older than the schedule allows
stale() { read_rows "SELECT count(*) FROM bronze.locations l, LATERAL (VALUES ((SELECT max(fetched_at) FROM bronze.current_weather t WHERE t.location_id = l.location_id)), ((SELECT max(fetched_at) FROM bronze.forecast t WHERE t.location_id = l.location_id)), ((SELECT max(fetched_at) FROM bronze.air_pollution_forecast t WHERE t.location_id = l.location_id))) newest(at) WHERE at IS NULL OR at < now() - interval '90 minutes'"; }
restarts() { kubectl -n weather get pods -l 'app.kubernetes.io/component in (webserver, daemon, code)' -o "jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount}{'\n'}{end}" | sort; }

everything_up "$certificates" "$image"
until_true 900 "the first rows" has_rows
export TF_VAR_heartbeat_url=http://simulator.simulator.svc.cluster.local:8081/beat TF_VAR_secrets_revision=7
${TERRAFORM:-terraform} apply -auto-approve -input=false >"$scratch/terraform" 2>&1 || fail "apply: $(tail -n 20 "$scratch/terraform")"
everything_up "$certificates" "$image"
forward_webserver
until_true 180 "the code location" location_is_loaded
until_idle
count
both_report fresh "$sent" /beat /beat/fail
equal "places that are late by the tables" "$(stale)" 0
say "every place has recent rows: the CronJob and the daemon each sent the heartbeat, neither a failure"

# --- one place's answers are refused, and its newest row is old

IFS='|' read -r place name lat lon < <(read_rows "SELECT location_id, query, to_char(lat, 'FM990.0000'), to_char(lon, 'FM990.0000') FROM bronze.locations ORDER BY 1 LIMIT 1")
simulator POST faults "{\"path\": \"/data/2.5/weather\", \"where\": {\"lat\": \"$lat\", \"lon\": \"$lon\"}, \"status\": 404}" >/dev/null
superuser "UPDATE bronze.current_weather SET fetched_at = fetched_at - interval '1 day' WHERE location_id = '$place'" >/dev/null
equal "places that are late by the tables" "$(stale)" 1
count
both_report late "$failed" /beat/fail /beat
equal "failures that name the place and the cause" "$(alerts "len([a for a in m[$heard_before:] if a.startswith('/beat/fail 1 place without recent current_weather, $name: ')])")" "$(heard /beat/fail)"
say "one place is late: the CronJob and the daemon each report $(alerts "[a for a in m[$heard_before:] if a.startswith('/beat/fail')][-1]"), neither a success"

simulator DELETE faults >/dev/null
count
run_job weather ingestor loaded
equal "places that are late by the tables" "$(stale)" 0
equal "heartbeats and failures" "$(heard /beat) $(heard /beat/fail)" "1 0"
say "the place is loaded again: the heartbeat is sent by the load that did it"

# --- the database is away

before=$(restarts)
last_tick=$(ticks "int(d['sensorOrError']['sensorState']['ticks'][0]['timestamp'])")
count
kubectl -n database scale statefulset postgres --replicas=0 >/dev/null
if command -v run-cronjob >/dev/null; then run-cronjob weather ingestor away 150 >/dev/null 2>&1 || true; else kubectl -n weather create job --from=cronjob/ingestor away >/dev/null; fi
sleep $((last_tick + interval + 30 - $(date +%s)))
[[ $(kubectl -n weather logs -l job-name=away --tail=-1) == *"No heartbeat is sent"* ]] || fail "the Job says something else: $(kubectl -n weather logs -l job-name=away --tail=5)"
equal "heartbeats" "$(($(heard /beat) + $(heard /beat/fail)))" 0
away=$(($(date +%s) - since))
kubectl -n weather delete job away >/dev/null # which would go on
count
kubectl -n database scale statefulset postgres --replicas=1 >/dev/null
kubectl -n database rollout status statefulset/postgres --timeout=300s >/dev/null
until_true 120 "the webserver, and the code location" location_is_loaded
equal "pods, and how often they were restarted" "$(restarts)" "$before"
say "the database was away for $away s, longer than the interval: nobody sent a heartbeat, and no pod was restarted"
both_report again "$sent" /beat /beat/fail
equal "places that are late by the tables" "$(stale)" 0
no_duplicates
say "the database is back: both send the heartbeat again; passed"
