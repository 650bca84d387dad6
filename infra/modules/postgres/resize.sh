#!/usr/bin/env bash
# resize.sh : give the database's claim the size $SIZE ($BYTES bytes), which a StatefulSet does not do after the claim is made.
# A claim that is not there yet gets its size from the StatefulSet. $CONFIG is the kubeconfig that $KUBECTL uses.
set -euo pipefail
claim=data-postgres-0
[ -e "$CONFIG" ] || exit 0
ask() { eval "$KUBECTL" '"$@"'; }
present=$(ask -n "$NAMESPACE" get pvc "$claim" --ignore-not-found -o jsonpath='{.spec.resources.requests.storage}')
[ -n "$present" ] || exit 0
present_bytes=$(awk -v size="$present" 'BEGIN {
  split("Ki Mi Gi Ti Pi", units, " ")
  for (n = 1; n <= 5; n++) if (index(size, units[n])) { printf "%.0f", size * 1024 ^ n; exit }
  printf "%.0f", size
}')
[ "$present_bytes" != "$BYTES" ] || exit 0
if [ "$present_bytes" -gt "$BYTES" ]; then
  [ "$IS_GIVEN" = true ] || { echo "The database's volume has $present, more than the $SIZE computed; it stays as it is."; exit 0; }
  echo "The database's volume has $present and a volume cannot be made smaller: set volume_sizes.database to $present." >&2
  exit 1
fi
class=$(ask -n "$NAMESPACE" get pvc "$claim" -o jsonpath='{.spec.storageClassName}')
allows=$(ask get storageclass "$class" --ignore-not-found -o jsonpath='{.allowVolumeExpansion}')
if [ "$allows" != true ]; then
  message="StorageClass $class cannot enlarge volumes (allowVolumeExpansion), so the database's keeps $present, and not $SIZE"
  [ "$IS_GIVEN" = true ] || { echo "$message, which was computed from the places."; exit 0; }
  echo "$message. Set volume_sizes.database back to $present, or change to another class (infra/README.md, \"Change the cluster\")." >&2
  exit 1
fi
ask -n "$NAMESPACE" patch pvc "$claim" --patch "{\"spec\": {\"resources\": {\"requests\": {\"storage\": \"$SIZE\"}}}}"
