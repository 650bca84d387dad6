#!/usr/bin/env bash
# upkeep.sh DIR IMAGE [POSTGRES_IMAGE] : what the README's "Change" says, on a cluster on which e2e.sh has passed: other
# places and settings, the CronJob for the hours, another key, other passwords; with OTHER_IMAGE in the environment, an image
# of the project that the cluster has, the change to it and back; with POSTGRES_IMAGE, of a newer major version, the upgrade
# to it. After each of them loads go on, and nothing is lost.
#
# The variables that the root was applied with are in the environment, as simulator.sh environment has them. Takes 6 to 10
# minutes. TERRAFORM is another command than terraform.
set -euo pipefail
certificates=$1 image=$2 newer_postgres=${3:-}
# shellcheck source=infra/tests/cluster.sh
. "$(dirname "$0")/cluster.sh"
cd "$(dirname "$0")/.."

# change apply|destroy OPTION... : by Terraform
change() { ${TERRAFORM:-terraform} "$@" -auto-approve -input=false >"$scratch/terraform" 2>&1 || fail "terraform $*: $(tail -n 20 "$scratch/terraform")"; }
apply() {
  watch_pods
  change apply
  everything_up "$certificates" "$image"
  say "seconds without a pod: $(all_away)"
}
# loads_go_on : a run of Dagster's and a Job of the CronJob succeed, and no hour that was there is gone
hours=0
loads_go_on() {
  local run
  run=$(launch)
  until_true 300 "a run's success" has_status "$run" SUCCESS
  kubectl -n weather delete job load --ignore-not-found >/dev/null
  run_job weather ingestor load
  no_duplicates
  [ "$(read_rows 'SELECT count(*) FROM bronze.air_pollution')" -ge "$hours" ] || fail "hours are gone"
  hours=$(read_rows 'SELECT count(*) FROM bronze.air_pollution')
}

everything_up "$certificates" "$image"
forward_webserver
until_idle
loads_go_on
say "all is well before anything changes: $hours hours of air pollution"

# --- a longer list of places, and with it a larger volume, where the StorageClass can enlarge one

claim() { kubectl -n database get pvc data-postgres-0 -o "jsonpath={$1}"; }
server() { kubectl -n database get pod postgres-0 -o jsonpath='{.metadata.uid} {.status.containerStatuses[0].restartCount}'; }
size=$(claim .spec.resources.requests.storage) expands=$(kubectl get storageclass "$(claim .spec.storageClassName)" -o jsonpath='{.allowVolumeExpansion}')
if [ "$expands" = true ]; then size=19Gi; fi # 4, and 0.24 of each of 60 places
runs_on=$(server)
TF_VAR_locations=$(python3 -c 'import json; print(json.dumps([f"{-59 + 2 * n},{-177 + 6 * n}" for n in range(60)]))') apply
equal "the claim's size" "$(claim .spec.resources.requests.storage)" "$size"
equal "PostgreSQL's pod" "$(server)" "$runs_on"
week_of_all() { [ "$(read_rows "SELECT count(DISTINCT location_id) FROM bronze.air_pollution")" -ge 60 ]; }
until_true 300 "the new places" week_of_all
say "60 places are loaded; the database's claim has $size, and PostgreSQL ran on"

# --- places, settings, who does the hours

TF_VAR_settings=$(python3 -c 'import json, os; print(json.dumps(json.loads(os.environ["TF_VAR_settings"]) | {"SOURCES__WEATHER__UNITS": "imperial"}))')
export TF_VAR_settings TF_VAR_locations='["Madrid,ES", "Oslo,NO"]' TF_VAR_hourly_load=cronjob
apply
week_of_oslo() { [ "$(read_rows "SELECT count(*) FROM bronze.air_pollution WHERE location_id = 'oslo,no'")" -ge 168 ]; }
until_true 300 "the new place" week_of_oslo
until_true 60 "the schedule to stop" schedule_is STOPPED
equal "the CronJob is suspended" "$(kubectl -n weather get cronjob ingestor -o jsonpath='{.spec.suspend}')" false
until_idle
changed=$(read_rows 'SELECT now()')
loads_go_on
equal "units" "$(read_rows "SELECT string_agg(DISTINCT units, ',') FROM bronze.current_weather WHERE fetched_at > '$changed'")" imperial
say "a place that was added came by itself, history included; the setting holds; the CronJob does the hours"

# --- OpenWeather's key: the simulator, which took any, takes the new one only

new_key=0e70e70e70e70e70e70e70e70e70e70e
kubectl -n simulator patch deployment simulator --type=json \
  --patch="[{\"op\": \"add\", \"path\": \"/spec/template/spec/containers/0/args\", \"value\": [\"--key\", \"$new_key\"]}]" >/dev/null
kubectl -n simulator rollout status deployment/simulator --timeout=180s >/dev/null
run=$(launch)
until_true 300 "the old key to be refused" has_status "$run" FAILURE
export TF_VAR_openweather_api_key=$new_key TF_VAR_secrets_revision=2
apply
loads_go_on
say "OpenWeather's key is another, and loads go on"

# --- passwords

old_password=$(password reader)
export TF_VAR_passwords_revision=2
apply
[ "$(password reader)" != "$old_password" ] || fail "the password is still the same"
if kubectl -n database exec postgres-0 -- env PGPASSWORD="$old_password" psql --no-psqlrc -h 127.0.0.1 -U reader -d weather -c 'SELECT 1' >"$scratch/old_password" 2>&1; then
  fail "the old password is taken"
fi
grep -q "password authentication failed" "$scratch/old_password" || fail "the old password is refused for another reason"
loads_go_on
say "the passwords are others, and loads go on"

# --- another image of the project, and back to the former one

daemon_is_last() { kubectl -n weather get pods -l 'app.kubernetes.io/component in (code, daemon)' --sort-by=.metadata.creationTimestamp -o 'jsonpath={.items[-1:].metadata.labels.app\.kubernetes\.io/component}'; }
for other in ${OTHER_IMAGE:+"$OTHER_IMAGE" back}; do
  if [ "$other" = back ]; then apply; else TF_VAR_image=$other apply; fi
  for component in code webserver; do equal "seconds without the $component" "$(away dagster-$component)" 0; done
  equal "pod that was made last" "$(daemon_is_last)" daemon
  run=$(launch)
  until_true 300 "a run's success" has_status "$run" SUCCESS
  [ "$other" = back ] || equal "image of the run" "$(kubectl -n weather get "$(pod_of "$run")" -o jsonpath='{.spec.containers[0].image}')" "$other"
  loads_go_on
  say "the image is another ($other), and loads go on"
done

# --- a newer PostgreSQL

if [ -n "$newer_postgres" ]; then
  before=$(superuser 'SHOW server_version_num')
  runs_before=$(as dagster dagster 'SELECT count(*) FROM runs')
  kubectl -n weather scale deployment dagster-daemon --replicas=0 >/dev/null
  suspended=$(kubectl -n weather get cronjob ingestor -o jsonpath='{.spec.suspend}')
  kubectl -n weather patch cronjob ingestor --patch '{"spec": {"suspend": true}}' >/dev/null
  until_idle
  stopped=$SECONDS
  kubectl -n weather scale deployment --all --replicas=0 >/dev/null
  for db in weather dagster; do
    kubectl -n database exec postgres-0 -- pg_dump -U postgres -Fc --table="$([ $db = weather ] && echo bronze || echo public).*" $db >"$scratch/$db.dump"
  done
  away=$SECONDS
  kubectl -n database scale statefulset postgres --replicas=0 >/dev/null
  kubectl -n database delete pvc data-postgres-0 >/dev/null
  export TF_VAR_postgres_image=$newer_postgres
  change apply -target='module.postgres[0].kubernetes_stateful_set_v1.postgres'
  kubectl -n database rollout status statefulset/postgres --timeout=300s >/dev/null
  until_true 120 "the roles" as dagster dagster 'SELECT 1'
  for db in weather dagster; do kubectl -n database exec -i postgres-0 -- bash /scripts/restore.sh $db - <"$scratch/$db.dump" >/dev/null; done
  back=$SECONDS
  kubectl -n weather scale deployment --all --replicas=1 >/dev/null
  kubectl -n weather patch cronjob ingestor --patch "{\"spec\": {\"suspend\": $suspended}}" >/dev/null
  apply
  say "PostgreSQL was away for $((back - away)) s, Dagster and the loads for $((SECONDS - stopped)) s"
  until_true 120 "the webserver" curl --silent --fail --noproxy '*' "$ui/server_info"
  until_true 120 "the code location" location_is_loaded
  [ "$(superuser 'SHOW server_version_num')" -gt "$before" ] || fail "still version $before"
  loads_go_on
  [ "$(as dagster dagster 'SELECT count(*) FROM runs')" -gt "$runs_before" ] || fail "Dagster's records are gone"
  run_job database postgres-backup backup
  say "PostgreSQL is $(superuser 'SHOW server_version'), was $before: rows and Dagster's records are there, and loads go on"
fi
say "passed"
