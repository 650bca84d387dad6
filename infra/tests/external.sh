#!/usr/bin/env bash
# external.sh DIR IMAGE : this root with a PostgreSQL that it does not make, on a cluster on which nothing of it is applied: a
# server of its own in namespace elsewhere, whose certificate an authority signed, and an administrator who is no superuser
# and has run roles.sql. Loads and Dagster's records go there, by verify-full; a server with the certificate of another
# authority is refused; a second plan is empty.
#
# DIR, the variables in the environment, and TERRAFORM: as for upkeep.sh. POSTGRES_IMAGE: another than postgres:17. Takes 3
# minutes.
set -euo pipefail
certificates=$1 image=$2
# shellcheck source=infra/tests/cluster.sh
. "$(dirname "$0")/cluster.sh"
cd "$tests/.."
host=db.elsewhere.svc.cluster.local

terraform_() { ${TERRAFORM:-terraform} "$@" -input=false -no-color >"$scratch/terraform" 2>&1; }
# made of this server's roles only, in the place of cluster.sh's, which ask the server that the root makes
superuser() { kubectl -n elsewhere exec db-0 -- psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 -U postgres -d "${2:-wx}" -c "$1"; }
read_rows() { kubectl -n elsewhere exec db-0 -- env PGPASSWORD=reads-reads psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 -h 127.0.0.1 -U wx_reader -d wx -c "$1"; }

# --- the server, and the team's administrator

authority() { # NAME : its key and certificate, and a certificate of the host signed by it
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout "$scratch/$1.key" -out "$scratch/$1.crt" -subj "/CN=$1" 2>/dev/null
  openssl req -newkey rsa:2048 -nodes -keyout "$scratch/server-of-$1.key" -out "$scratch/request" -subj /CN=db 2>/dev/null
  openssl x509 -req -in "$scratch/request" -CA "$scratch/$1.crt" -CAkey "$scratch/$1.key" -CAcreateserial -days 30 \
    -out "$scratch/server-of-$1.crt" -extfile <(printf 'subjectAltName=DNS:%s' "$host") 2>/dev/null
}
authority ours
authority another
serve() { # AUTHORITY : with its certificate
  kubectl -n elsewhere create secret generic tls --from-file=tls.key="$scratch/server-of-$1.key" --from-file=tls.crt="$scratch/server-of-$1.crt" \
    --dry-run=client -o yaml | kubectl apply -f - >/dev/null
}
remove_server() { # CODE
  [ "$1" = 0 ] || kubectl -n elsewhere logs db-0 --tail=20
  kubectl delete namespace elsewhere --ignore-not-found >/dev/null
  return "$1"
}
trap 'code=$?; set +e; remove_server "$code"; clean_up' EXIT
kubectl create namespace elsewhere >/dev/null
serve ours
kubectl apply -f - >/dev/null <<YAML
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: elsewhere}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      securityContext: {runAsUser: 999, runAsGroup: 999, fsGroup: 999}
      containers:
        - name: postgres
          image: ${POSTGRES_IMAGE:-postgres:17}
          imagePullPolicy: IfNotPresent
          args: [-c, ssl=on, -c, ssl_cert_file=/tls/tls.crt, -c, ssl_key_file=/tls/tls.key]
          env: [{name: POSTGRES_PASSWORD, value: for-nobody}, {name: PGDATA, value: /data/pgdata}, {name: POSTGRES_HOST_AUTH_METHOD, value: scram-sha-256}]
          ports: [{containerPort: 5432}]
          readinessProbe: {exec: {command: [pg_isready, --host=127.0.0.1]}, periodSeconds: 2}
          volumeMounts: [{name: data, mountPath: /data}, {name: tls, mountPath: /tls}]
      volumes:
        - {name: data, emptyDir: {}}
        - {name: tls, secret: {secretName: tls, defaultMode: 0440}}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: elsewhere}
spec: {selector: {app: db}, ports: [{port: 5432}]}
YAML
kubectl -n elsewhere rollout status statefulset/db --timeout=180s >/dev/null
until_true 60 "the server" superuser "SELECT 1" postgres
superuser "CREATE ROLE dba LOGIN CREATEROLE CREATEDB PASSWORD 'administrates'" postgres
superuser "CREATE ROLE reader" postgres # of others
kubectl -n elsewhere exec -i db-0 -- env PGPASSWORD=administrates LOADER_PASSWORD=loads-loads READER_PASSWORD=reads-reads DAGSTER_PASSWORD=orchestrates \
  psql --no-psqlrc -q --set=external=on --set=loader=wx_loader --set=reader=wx_reader --set=dagster=wx_dagster \
  --set=weather_database=wx "host=127.0.0.1 user=dba dbname=postgres" <modules/postgres/scripts/roles.sql
equal "roles" "$(superuser "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles WHERE rolcanlogin AND NOT rolsuper")" dba,wx_dagster,wx_loader,wx_reader
say "a server of others, on which its administrator, no superuser, ran roles.sql"

# --- the root, with it

export TF_VAR_volume_sizes='{}'
TF_VAR_external_postgres=$(
  cat <<JSON
{"host": "$host", "databases": {"weather": "wx"}, "users": {"loader": "wx_loader", "reader": "wx_reader", "dagster": "wx_dagster"}, "ca_file": "$scratch/ours.crt"}
JSON
)
export TF_VAR_external_postgres
if terraform_ plan; then fail "a plan without the passwords"; fi
grep -q "There are no passwords for external_postgres" "$scratch/terraform" || fail "refused, but not for the passwords: $(tail -n 20 "$scratch/terraform")"
export TF_VAR_external_postgres_passwords='{"loader": "loads-loads", "reader": "reads-reads", "dagster": "orchestrates"}'
terraform_ apply -auto-approve || fail "apply: $(tail -n 20 "$scratch/terraform")"
[ -z "$(kubectl get namespace database --ignore-not-found -o name)$(kubectl get statefulsets -n weather -o name)" ] || fail "a server is made all the same"
bash tests/simulator.sh deploy "$certificates" "$image" >/dev/null
for component in webserver daemon code; do kubectl -n weather rollout status "deployment/dagster-$component" --timeout=300s >/dev/null; done
until_true 600 "the first rows" has_rows
forward_webserver
until_idle
run_job weather ingestor by-hand
no_duplicates
run=$(launch)
until_true 300 "a run's success" has_status "$run" SUCCESS
[ "$(superuser "SELECT count(*) FROM runs WHERE status = 'SUCCESS'" dagster)" -ge 2 ] || fail "Dagster's records are elsewhere"
checks=$(superuser "SELECT count(*) FROM asset_check_executions WHERE check_name IN ('backups_are_recent', 'space_lasts') AND execution_status = 'SUCCEEDED'" dagster)
[ "$checks" -ge 2 ] || fail "checks of backups and space that passed: $checks"
equal "connections without TLS" "$(superuser "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename LIKE 'wx%' AND client_addr <> '127.0.0.1' AND NOT ssl")" 0
say "rows and Dagster's records are there: $(read_rows 'SELECT count(*) FROM bronze.air_pollution') hours of air pollution; checks of backups and space pass"

terraform_ plan -detailed-exitcode || fail "the second plan: $(tail -n 40 "$scratch/terraform")"
say "a second plan is empty"

# --- a server in between

serve another
sees_another() { kubectl -n elsewhere exec db-0 -- cat /tls/tls.crt | cmp -s - "$scratch/server-of-another.crt"; }
until_true 150 "the other certificate" sees_another
superuser "SELECT pg_reload_conf()" >/dev/null
kubectl -n weather create job --from=cronjob/ingestor refused >/dev/null 2>&1 || run-cronjob weather ingestor refused 60 >/dev/null 2>&1 || true
refused() { [[ $(kubectl -n weather logs -l job-name=refused --tail=-1) == *"certificate verify failed"* ]]; }
until_true 120 "the refusal of another authority's certificate" refused
say "a certificate of another authority is refused; passed"
