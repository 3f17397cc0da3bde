import type { z } from 'zod';
import type { KeySpec } from '../core/key-spec.ts';
import { setting } from './setting.ts';
import type { CertificatesSettings } from './settings.ts';
import { boolean, duration, kindOf, oneOf, orEmpty, share } from './value-kind.ts';

const HOUR_MS = 3_600_000;

const rsaBits = kindOf('a whole number of bits from 2048 to 8192, a multiple of 256', (given) => {
  const bits = /^\d{4}$/.test(given) ? Number(given) : 0;
  return bits >= 2048 && bits <= 8192 && bits % 256 === 0 ? bits : undefined;
});

/** The schema of the section "certificates and keys". */
export const certificatesShape = {
  SECRET_TTL: setting(duration(1_000, 87_600 * HOUR_MS), '24h', 'the lifetime to ask for; the CA may give less'),
  SECRET_GRACE_PERIOD_RATIO: setting(
    share('exclusive'),
    '0.5',
    'a certificate is renewed when this share of its real lifetime is left',
  ),
  SECRET_GRACE_PERIOD_RATIO_JITTER: setting(
    share('from zero'),
    '0.05',
    'the ratio is moved by up to this much, up or down, drawn once for each certificate; at most half the way to 0 or 1',
  ),
  ECC_SIGNATURE_ALGORITHM: setting(orEmpty(oneOf('ECDSA'), 'RSA'), 'ECDSA', 'the kind of workload keys'),
  ECC_CURVE: setting(oneOf('P256', 'P384'), 'P256', 'the curve of ECDSA keys'),
  WORKLOAD_RSA_KEY_SIZE: setting(rsaBits, '2048', 'the size of RSA keys'),
  PKCS8_KEY: setting(boolean, 'true', 'whether keys are served as PKCS#8, not as SEC 1 or PKCS#1'),
  FORGET_AFTER: setting(duration(0, 24 * HOUR_MS), '10m', 'how long an identity that no stream asks for is kept'),
};

type Values = z.output<z.ZodObject<typeof certificatesShape>>;

export function toCertificatesSettings(values: Values): CertificatesSettings {
  return {
    ttlMs: values.SECRET_TTL,
    gracePeriodRatio: values.SECRET_GRACE_PERIOD_RATIO,
    gracePeriodRatioJitter: values.SECRET_GRACE_PERIOD_RATIO_JITTER,
    key: toKeySpec(values),
    pkcs8: values.PKCS8_KEY,
    forgetAfterMs: values.FORGET_AFTER,
  };
}

function toKeySpec(values: Values): KeySpec {
  if (values.ECC_SIGNATURE_ALGORITHM === undefined) return { algorithm: 'rsa', bits: values.WORKLOAD_RSA_KEY_SIZE };
  return { algorithm: 'ecdsa', curve: values.ECC_CURVE };
}
