#!/bin/sh
# Dagster's code server. In the demo the simulator too: a load takes an API without TLS only at its own machine's address.
set -eu
if [ -n "${SIMULATOR:-}" ]; then python -m dlt_sources.openweather_simulator & fi
exec dagster api grpc --host 0.0.0.0 --port 4000 --log-format json --module-name dagster_project.definitions
