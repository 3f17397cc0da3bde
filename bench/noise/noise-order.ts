/** What the noise process is told to do, once, over IPC. */
export type NoiseOrder =
  /** An Envoy that behaves: opens a stream now and then, waits for its secret, and ends it. */
  | {
      readonly role: 'quiet';
      readonly socketPath: string;
      readonly token: string;
      readonly visits: number;
      readonly everyMs: number;
    }
  /** One that does not: opens as many streams as it is let, and makes as much of each as it is let, until it is killed. */
  | {
      readonly role: 'noisy';
      readonly kind: NoiseKind;
      readonly socketPath: string;
      readonly token: string;
      readonly connections: number;
      /** On each connection at a time. */
      readonly streams: number;
    };

/** `new streams`: each is ended when it is served or refused, and opened again. `messages`: ACKs without end. */
export type NoiseKind = 'new streams' | 'messages';

export type NoiseAnswer =
  /** How long each visit took until its first secret. */
  | { readonly answer: 'visited'; readonly latenciesMs: readonly number[] }
  /** It is as loud as it can be. */
  | { readonly answer: 'loud' };
