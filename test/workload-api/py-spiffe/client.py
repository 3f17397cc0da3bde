"""Uses the SPIFFE Workload API as py-spiffe does it. Says what it got, a JSON object a line; waits for a line in between."""

import json
import sys

from cryptography.hazmat.primitives.serialization import Encoding
from spiffe import JwtSource, JwtSvid, SpiffeId, WorkloadApiClient, X509Source


def say(**fields):
    print(json.dumps(fields), flush=True)


def error_of(call):
    try:
        call()
    except Exception as error:
        return f'{type(error).__name__}: {error}'
    return None


def leaf_of(svid):
    return svid.leaf.public_bytes(Encoding.PEM).decode()


def describe(svid):
    own_key = svid.private_key.public_key() == svid.leaf.public_key()
    return {'id': str(svid.spiffe_id), 'chain': len(svid.cert_chain), 'ownKey': own_key, 'leaf': leaf_of(svid)}


def use_client():
    with WorkloadApiClient(default_timeout=30) as client:
        say(x509=describe(client.fetch_x509_svid()))
        bundles = client.fetch_x509_bundles().bundles
        say(bundles={str(bundle.trust_domain): len(bundle.x509_authorities) for bundle in bundles})
        token = client.fetch_jwt_svid(audience={'reports'}).token
        [jwt_bundle] = client.fetch_jwt_bundles().bundles
        say(
            jwt=str(JwtSvid.parse_and_validate(token, jwt_bundle, {'reports'}).spiffe_id),
            validated=str(client.validate_jwt_svid(token, 'reports').spiffe_id),
            otherAudience=error_of(lambda: client.validate_jwt_svid(token, 'billing')),
            otherSubject=error_of(
                lambda: client.fetch_jwt_svid({'reports'}, SpiffeId('spiffe://cluster.local/ns/shop/sa/admin'))
            ),
        )


def watch():
    with X509Source(timeout_in_seconds=30) as x509, JwtSource(timeout_in_seconds=30) as jwt:
        source_token = jwt.fetch_svid(audience={'reports'})
        say(watching=leaf_of(x509.svid), jwt=str(source_token.spiffe_id))
        before = leaf_of(x509.svid)
        x509.subscribe_for_updates(lambda: leaf_of(x509.svid) != before and say(rotated=describe(x509.svid)))
        sys.stdin.readline()


def refused():
    with WorkloadApiClient(default_timeout=30) as client:
        say(refused=error_of(client.fetch_x509_svid))


{'client': use_client, 'watch': watch, 'refused': refused}[sys.argv[1]]()
