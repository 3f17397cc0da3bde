import assert from 'node:assert/strict';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import {
  IstioCertificateRequest,
  IstioCertificateResponse,
  IstioCertificateServiceDefinition,
} from '../../../src/gen/istio/ca.ts';

/** The messages as in security/v1alpha1/ca.proto of istio/api; subject_id is of early releases only. */
const ISTIO = protobuf.parse(`
  syntax = "proto3";
  package istio.v1.auth;
  message IstioCertificateRequest {
    string csr = 1;
    string subject_id = 2;
    int64 validity_duration = 3;
    google.protobuf.Struct metadata = 4;
  }
  message IstioCertificateResponse {
    repeated string cert_chain = 1;
  }
`).root;
ISTIO.addJSON(protobuf.common.get('google/protobuf/struct.proto')?.nested ?? {});
const theirRequest = ISTIO.lookupType('istio.v1.auth.IstioCertificateRequest');
const theirResponse = ISTIO.lookupType('istio.v1.auth.IstioCertificateResponse');

test('our request is the one that istiod reads', () => {
  const ours = IstioCertificateRequest.encode({ csr: 'pem', validityDuration: 86_400 }).finish();
  assert.deepEqual(theirRequest.toObject(theirRequest.decode(ours), { longs: Number }), {
    csr: 'pem',
    validityDuration: 86_400,
  });
});

test("the request of Istio's agent is read, and what else it carries is passed over", () => {
  const request = {
    csr: 'pem',
    subjectId: 'x',
    validityDuration: 86_400,
    metadata: { fields: { A: { stringValue: 'b' } } },
  };
  const theirs = theirRequest.encode(theirRequest.fromObject(request)).finish();
  assert.deepEqual(IstioCertificateRequest.decode(theirs), { csr: 'pem', validityDuration: 86_400 });
});

test('answers are the same in both directions', () => {
  const answer = { certChain: ['leaf', 'root'] };
  const ours = IstioCertificateResponse.encode(answer).finish();
  assert.deepEqual(theirResponse.toObject(theirResponse.decode(ours)), answer);
  assert.deepEqual(IstioCertificateResponse.decode(theirResponse.encode(answer).finish()), answer);
});

test("the method has Istio's name", () => {
  const { fullName, methods } = IstioCertificateServiceDefinition;
  assert.equal(
    `/${fullName}/${methods.createCertificate.name}`,
    '/istio.v1.auth.IstioCertificateService/CreateCertificate',
  );
});
