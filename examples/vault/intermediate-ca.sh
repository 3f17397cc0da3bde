#!/bin/sh
# A CA whose root stays elsewhere: here in the mount `root_ca`, which takes the place of your own root.
# Vault signs with an intermediate.
set -eu
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

bao secrets enable -path=root_ca pki
bao secrets tune -max-lease-ttl=87600h root_ca
bao write -field=certificate root_ca/root/generate/internal common_name='mesh root' key_type=ec ttl=87600h >"$work/root.pem"

bao secrets enable -path=istio_ca pki
bao secrets tune -max-lease-ttl=43800h istio_ca
bao write -field=csr istio_ca/intermediate/generate/internal common_name='mesh intermediate' key_type=ec >"$work/csr.pem"
bao write -field=certificate root_ca/root/sign-intermediate csr=@"$work/csr.pem" ttl=43800h >"$work/intermediate.pem"

# Both, one after the other: what Vault does not know it cannot tell the agents, and they have to trust the root.
{ cat "$work/intermediate.pem"; echo; cat "$work/root.pem"; } >"$work/chain.pem"
bao write istio_ca/intermediate/set-signed certificate=@"$work/chain.pem"
