#!/usr/bin/env bash
# Makes the roles what roles.sql says, after every start of the server: so a new password takes a restart, no more.
set -euo pipefail
# a hook's output is kept nowhere; the server's is
if [ -w /proc/1/fd/1 ]; then exec >/proc/1/fd/1 2>&1; fi

# over TCP, where the server answers only when it is initialized and recovered
timeout 900 bash -c 'until pg_isready --quiet --host=127.0.0.1 --username=reader --dbname=weather; do sleep 0.5; done'
psql --quiet --no-psqlrc --username=postgres --dbname=postgres --file=/scripts/roles.sql
