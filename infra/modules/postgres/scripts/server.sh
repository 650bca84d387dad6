#!/usr/bin/env bash
# Starts PostgreSQL with TLS, and with a reserve on its volume that is kept while it runs (reserve.sh); none if $RESERVE_MIB is 0.
#
# Key and certificate are made at each start, and are nowhere but in this container: clients do not trust an authority, they
# ask for channel binding (SCRAM-SHA-256-PLUS), by which the server proves that it knows the role's password and that the
# certificate is its own.
set -euo pipefail
tls=/tmp/tls
rm -rf "$tls"
mkdir -m 700 "$tls"
# SHA-256 of the signature is the hash of the channel binding, too
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -days 3650 -subj /CN=postgres \
  -keyout "$tls/server.key" -out "$tls/server.crt" 2>"$tls/log" || { cat "$tls/log" >&2; exit 1; }
chmod 600 "$tls/server.key"
if [ "${RESERVE_MIB:-}" != 0 ]; then
  bash /scripts/reserve.sh start
  (while sleep "${RESERVE_SECONDS:-15}"; do bash /scripts/reserve.sh keep || true; done) &
fi
exec docker-entrypoint.sh postgres -c hba_file=/scripts/pg_hba.conf \
  -c ssl=on -c "ssl_cert_file=$tls/server.crt" -c "ssl_key_file=$tls/server.key" "$@"
