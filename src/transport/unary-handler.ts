import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { StreamCall, StreamHandler, UnaryMethod } from '../core/rpc.ts';

/** Handles a unary call as a stream of one message each way. */
export class UnaryHandler implements StreamHandler {
  readonly #call: StreamCall;
  readonly #method: UnaryMethod;
  #request: Buffer | undefined;

  constructor(call: StreamCall, method: UnaryMethod) {
    this.#call = call;
    this.#method = method;
  }

  received(message: Buffer): void {
    if (this.#request !== undefined) throw new AgentError('request-invalid', 'the method takes one message, not more');
    // A copy: the message is lent only until this returns.
    this.#request = Buffer.from(message);
  }

  /** Only now is it certain that there is no second message. */
  halfClosed(): void {
    if (this.#request === undefined) throw new AgentError('request-invalid', 'the method takes one message, not none');
    this.#method.handle(this.#call, this.#request).then(
      (answer) => {
        this.#call.send(answer);
        this.#call.end();
      },
      (thrown: unknown) => this.#call.end(toAgentError(thrown)),
    );
  }

  drained(): void {}

  closed(): void {}
}
