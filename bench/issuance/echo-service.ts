const asIs = (message: Buffer): Buffer => message;

/** A unary method of bytes, for server and client alike. */
export const ECHO = {
  path: '/bench.Echo/Echo',
  requestStream: false,
  responseStream: false,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
} as const;
