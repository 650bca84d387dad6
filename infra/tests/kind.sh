#!/usr/bin/env bash
# kind.sh : all of it on a real Kind cluster with the simulator in OpenWeather's place: apply, e2e.sh, plan, heartbeat.sh,
# shards.sh, faults.sh, upkeep.sh, destroy; then external.sh on another new cluster, destroy. moves.sh, which needs an earlier release, is run by hand before a release.
#
# KIND_LOGS names a folder for the logs of nodes and pods, should it fail.
# Needs Docker, kind, kubectl, Terraform, openssl. Makes a cluster named weather-test, and leaves nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

certificates=$(mktemp -d)
export TF_VAR_cluster_name=weather-test TF_VAR_read_only_webserver=true
clean_up() {
  local code=$?
  if [ "$code" -ne 0 ] && [ -n "${KIND_LOGS:-}" ]; then kind export logs "$KIND_LOGS" --name weather-test || true; fi
  terraform destroy -auto-approve -input=false || kind delete cluster --name weather-test
  docker image rm --force weather:other weather:crashing >/dev/null 2>&1 || true
  rm -rf "$certificates"
}
trap clean_up EXIT
bash tests/simulator.sh certificate "$certificates"
eval "$(bash tests/simulator.sh environment "$certificates")"

terraform init -input=false
# cluster and image first: the simulator, which needs both, has to answer before Dagster asks
terraform apply -auto-approve -input=false -target=module.cluster
export KUBECONFIG=$PWD/kubeconfig
image=$(terraform console <<<module.cluster[0].image | tr -d '"')
bash tests/simulator.sh deploy "$certificates" "$image"
terraform apply -auto-approve -input=false

# of the same code under another name, and without the checks, which the definitions import
printf 'FROM %s\nLABEL other=yes\n' "$image" | docker build -t weather:other -
printf 'FROM %s\nUSER root\nRUN rm -r "$(python -c "import dagster_project; print(dagster_project.__path__[0])")/checks"\nUSER 10001:10001\n' "$image" | docker build -t weather:crashing -
kind load docker-image weather:other weather:crashing --name weather-test
export OTHER_IMAGE=weather:other CRASHING_IMAGE=weather:crashing

bash tests/e2e.sh "$certificates" "$image"
terraform plan -detailed-exitcode -input=false # 2, and so the end, if anything would change
bash tests/heartbeat.sh "$certificates" "$image"
bash tests/shards.sh "$certificates" "$image"
printf '#!/bin/sh\ndocker "$1" weather-test-control-plane\n' >"$certificates/node"
FAULTS_NODE="sh $certificates/node" bash tests/faults.sh "$certificates" "$image"
terraform apply -auto-approve -input=false # the list of places again
bash tests/upkeep.sh "$certificates" "$image" postgres:18.1
terraform destroy -auto-approve -input=false

# whose database it is cannot change, so with the first apply
export TF_VAR_external_postgres='{"host": "db.elsewhere.svc.cluster.local"}'
terraform apply -auto-approve -input=false -target=module.cluster
bash tests/external.sh "$certificates" "$image"
terraform destroy -auto-approve -input=false
clusters=$(kind get clusters)
if grep -qx weather-test <<<"$clusters"; then echo "the cluster is still there" >&2; exit 1; fi
echo "passed; nothing is left"
