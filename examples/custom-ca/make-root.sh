#!/bin/sh
# Makes a root for the example: make-root.sh DIRECTORY
set -eu
mkdir -p -m 700 "$1"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 \
  -keyout "$1/root.key" -out "$1/root.pem" -subj "/O=example/CN=root" \
  -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
