import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { StreamCall, StreamHandler, UnaryMethod } from '../core/rpc.ts';

interface Waiter {
  readonly resolve: (request: Buffer) => void;
  readonly reject: (error: unknown) => void;
}

/** Handles a unary call as a stream of one message each way. */
export class UnaryHandler implements StreamHandler {
  readonly #call: StreamCall;
  #request: Buffer | undefined;
  #isWhole = false;
  #waiter: Waiter | undefined;

  constructor(call: StreamCall, method: UnaryMethod) {
    this.#call = call;
    method
      .handle(call, () => this.#receive())
      .then(
        (answer) => {
          call.send(answer);
          call.end();
        },
        (thrown: unknown) => call.end(toAgentError(thrown)),
      );
  }

  received(message: Buffer): void {
    if (this.#request !== undefined) throw new AgentError('request-invalid', 'the method takes one message, not more');
    // A copy: the message is lent only until this returns.
    this.#request = Buffer.from(message);
  }

  /** Only now is it certain that there is no second message. */
  halfClosed(): void {
    if (this.#request === undefined) throw new AgentError('request-invalid', 'the method takes one message, not none');
    this.#isWhole = true;
    this.#waiter?.resolve(this.#request);
  }

  drained(): void {}

  closed(): void {
    this.#waiter?.reject(this.#call.signal.reason);
  }

  #receive(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      if (this.#call.signal.aborted) reject(this.#call.signal.reason);
      else if (this.#isWhole && this.#request !== undefined) resolve(this.#request);
    });
  }
}
