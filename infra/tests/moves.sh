#!/usr/bin/env bash
# moves.sh DIR IMAGE OLD_ROOT : users' state goes on with this root. OLD_ROOT, the folder infra/ of an earlier release (git
# worktree add …), is applied to the cluster that TF_VAR_existing_cluster names, and has loaded; then this root is planned
# and applied with that state. The plan destroys and replaces nothing, rows and Dagster's records stay, loads go on.
#
# DIR has the simulator's certificate; the variables are in the environment (simulator.sh environment), and DIR of both
# roots is without a state. OLD_IMAGE is the old release's image; IMAGE if unset. Takes about 3 minutes. TERRAFORM is
# another command than terraform.
set -euo pipefail
certificates=$1 image=$2 old_root=$(cd "$3" && pwd)
# shellcheck source=infra/tests/cluster.sh
. "$(dirname "$0")/cluster.sh"
root=$(cd "$tests/.." && pwd)

in_root() { ${TERRAFORM:-terraform} -chdir="$1" "${@:2}" -no-color >"$scratch/terraform" 2>&1 || fail "terraform ${*:2}: $(tail -n 20 "$scratch/terraform")"; }

# --- the old release

in_root "$old_root" init -input=false
TF_VAR_image=${OLD_IMAGE:-$image} in_root "$old_root" apply -auto-approve -input=false
everything_up "$certificates" "${OLD_IMAGE:-$image}"
until_true 600 "the first rows" has_rows
forward_webserver
until_idle
hours=$(read_rows 'SELECT count(*) FROM bronze.air_pollution')
runs_before=$(as dagster dagster 'SELECT count(*) FROM runs')
lasting() { kubectl get namespaces,persistentvolumeclaims,secrets,services,statefulsets,deployments -A -o "jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name} {.metadata.uid}{'\n'}{end}" | grep -E ' (weather|database)/| /(weather|database) ' | grep -v '^Secret.*token' | sort; }
lasting >"$scratch/before"
say "the old release is applied: $hours hours of air pollution, $(wc -l <"$scratch/before") lasting objects"

# --- the plan from its state

[ ! -e "$root/terraform.tfstate" ] || fail "$root has a state already"
mv "$old_root/terraform.tfstate" "$root/terraform.tfstate"
in_root "$root" init -input=false
in_root "$root" plan -input=false -out="$scratch/plan"
in_root "$root" show -json "$scratch/plan"
python3 - "$scratch/terraform" <<'PYTHON' || fail "the plan destroys or replaces objects"
import collections, json, sys

text = open(sys.argv[1]).read()
changes = json.loads(text[text.index("{"):])["resource_changes"]
actions = collections.Counter("-".join(change["change"]["actions"]) for change in changes)
print("      ", dict(actions), sum("previous_address" in change for change in changes), "moved")
# neither an object of Kubernetes nor what the guard protects; a step of Terraform alone may run once more
gone = [c["address"] for c in changes if "delete" in c["change"]["actions"] and c["type"] != "terraform_data"]
again = [c["address"] for c in changes if "delete" in c["change"]["actions"] and c["type"] == "terraform_data"]
if again:
    print("       run again:", *again)
sys.exit("\n".join(gone) if gone else 0)
PYTHON
say "its plan destroys and replaces nothing"

# --- the apply

in_root "$root" apply -auto-approve -input=false
everything_up "$certificates" "$image"
lasting >"$scratch/after"
missing=$(comm -23 "$scratch/before" "$scratch/after")
[ -z "$missing" ] || fail "objects are gone or others: $missing"
until_true 120 "the webserver" curl --silent --fail --noproxy '*' "$ui/server_info"
run=$(launch)
until_true 300 "a run's success" has_status "$run" SUCCESS
run_job weather ingestor after-move
no_duplicates
[ "$(read_rows 'SELECT count(*) FROM bronze.air_pollution')" -ge "$hours" ] || fail "hours are gone"
[ "$(as dagster dagster 'SELECT count(*) FROM runs')" -gt "$runs_before" ] || fail "Dagster's records are gone"
in_root "$root" plan -input=false -detailed-exitcode
say "applied: the same objects, rows and records; loads go on; a second plan is empty; passed"
