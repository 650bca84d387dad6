#!/usr/bin/env bash
# rules.sh : promtool reads Prometheus's configuration and rules, and plays the rules' tests. Takes a second.
#
#   PROMTOOL   the command; by default promtool, or the one of Debian's package prometheus, which is not installed
set -euo pipefail
cd "$(dirname "$0")/../prometheus"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
promtool=${PROMTOOL:-$(command -v promtool || true)}
if [ -z "$promtool" ]; then
  cd "$scratch"
  apt-get download -qq prometheus >/dev/null 2>&1 || { apt-get update -qq && apt-get download -qq prometheus >/dev/null; }
  dpkg-deb --extract prometheus_*.deb .
  cd - >/dev/null
  promtool=$scratch/usr/bin/promtool
fi
"$promtool" check config --syntax-only prometheus.yml
"$promtool" check rules rules.yml
"$promtool" test rules rules.test.yml
