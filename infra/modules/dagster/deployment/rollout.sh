#!/usr/bin/env bash
# rollout.sh : wait until the new pod of Deployment dagster-$COMPONENT works, or say why it does not. It has failed when its
# image was not to be had for a minute, when it has crashed three times, or after 7 minutes. $CONFIG is the kubeconfig that
# $KUBECTL uses.
set -euo pipefail
[ -e "$CONFIG" ] || exit 0
ask() { eval "$KUBECTL" -n "$NAMESPACE" '"$@"'; }
pods=(get pods -l "app.kubernetes.io/component=$COMPONENT" --sort-by=.metadata.creationTimestamp)
# of each container of the newest pod: name, restarts, why it waits
fields='{.name}{"\t"}{.restartCount}{"\t"}{.state.waiting.reason}{"\t"}{.state.waiting.message}{"\n"}{end}'
containers() { ask "${pods[@]}" -o jsonpath="{range .items[-1:].status.initContainerStatuses[*]}$fields{range .items[-1:].status.containerStatuses[*]}$fields"; }

end=$((SECONDS + 420)) pulled=$SECONDS
until ask rollout status "deployment/dagster-$COMPONENT" --timeout=5s >/dev/null 2>&1; do
  state=$(containers)
  [[ $state == *Image* ]] || pulled=$SECONDS
  if [ $SECONDS -ge $end ] || [ $((SECONDS - pulled)) -ge 60 ] || awk -F '\t' '$2 >= 3 && $3 != "" { found = 1 } END { exit !found }' <<<"$state"; then
    echo "dagster-$COMPONENT does not start:"
    awk -F '\t' '$3 != "" { print "  container " $1 ", restarted " $2 " times: " $3 ": " $4 }' <<<"$state"
    newest=$(ask "${pods[@]}" -o 'jsonpath={.items[-1:].metadata.name}')
    ask logs "$newest" --all-containers --tail=10 2>/dev/null || true
    ask "${pods[@]}" -o wide || true
    echo "What was to follow is not changed. Put the image or the setting right, and apply again."
    exit 1
  fi >&2
  sleep 2
done
