#!/bin/sh
# For each directory here: envoy-rev0.json is Istio's, envoy.yaml and report.txt are what `migrate` makes of it.
# migrate.sh [DIRECTORY]: writes the new ones below that directory; without one, beside the old ones.
set -eu

here=$(dirname "$0")
out=${1:-$here}
for old in "$here"/*/envoy-rev0.json; do
  to=$out/$(basename "$(dirname "$old")")
  mkdir -p "$to"
  flags=
  # Istio 1.1's agent took the token for the API server. This one wants a token for an audience of its own.
  case $to in */istio-1.1-sds) flags='--token-file /var/run/secrets/tokens/istio-token' ;; esac
  # shellcheck disable=SC2086 # there are several flags, or none
  sds-node-agent migrate "$old" $flags > "$to/envoy.yaml" 2> "$to/report.txt"
done
