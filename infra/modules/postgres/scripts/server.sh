#!/usr/bin/env bash
# Starts PostgreSQL, with a reserve of $RESERVE_MIB on its volume that is kept while the server runs (reserve.sh).
set -euo pipefail
if [ "${RESERVE_MIB:-0}" -gt 0 ]; then
  bash /scripts/reserve.sh start
  (while sleep "${RESERVE_SECONDS:-15}"; do bash /scripts/reserve.sh keep || true; done) &
fi
exec docker-entrypoint.sh postgres "$@"
