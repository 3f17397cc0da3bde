type Ways = Readonly<Record<string, readonly string[]>>;

/** Every way in which an Envoy asks for secrets, each protocol with each of its two clients: flags of `envoy-config`. */
export const WAYS = {
  'state of the world, google_grpc': ['--mode', 'google-grpc'],
  'state of the world, envoy_grpc': ['--mode', 'envoy-grpc'],
  'delta, google_grpc': ['--mode', 'delta', '--grpc-client', 'google-grpc'],
  'delta, envoy_grpc': ['--mode', 'delta', '--grpc-client', 'envoy-grpc'],
  rest: ['--mode', 'rest'],
} as const satisfies Ways;

/** State of the world again, with everything on one stream. */
export const AGGREGATED_WAYS = {
  'ads, google_grpc': ['--mode', 'ads', '--grpc-client', 'google-grpc'],
  'ads, envoy_grpc': ['--mode', 'ads', '--grpc-client', 'envoy-grpc'],
} as const satisfies Ways;
