#!/bin/sh
# Prints the bootstraps of this directory with `envoy-config`, one for each way in which an Envoy asks the agent.
# make.sh [DIRECTORY]: writes them to that directory; without one, to this.
set -eu

out=${1:-$(dirname "$0")}
mkdir -p "$out"
make() {
  file=$1
  shift
  sds-node-agent envoy-config --spiffe-id spiffe://cluster.local/ns/shop/sa/cart --upstream cart.shop:8443 "$@" > "$out/$file"
}

make google-grpc.yaml --mode google-grpc
make envoy-grpc.yaml --mode envoy-grpc --token-secret-file /etc/envoy/token-secret.yaml
make delta.yaml --mode delta
make ads.yaml --mode ads
make rest.yaml --mode rest --token-secret-file /etc/envoy/token-secret.yaml
make no-token.yaml --mode envoy-grpc --no-token
make token-secret.yaml --print-token-secret
