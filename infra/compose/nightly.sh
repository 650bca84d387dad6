#!/usr/bin/env bash
# Backs up every night at 02:23 UTC. A backup that fails is told in the log; the next night tries again.
set -euo pipefail
trap 'exit 0' TERM
while true; do
  seconds=$(($(date -u -d "02:23" +%s) - $(date +%s)))
  [ "$seconds" -gt 0 ] || seconds=$((seconds + 86400))
  sleep "$seconds" & wait $!
  bash /scripts/backup.sh || echo '{"level": "error", "logger": "backup", "event": "the backup failed"}'
done
