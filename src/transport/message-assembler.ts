import { AgentError } from '../core/agent-error.ts';
import { FRAME_HEADER_BYTES } from './frame-message.ts';

const EMPTY = Buffer.alloc(0);

/**
 * Puts length-prefixed messages together again, however the bytes were cut.
 *
 * Push what arrives, then take messages until there is none. A message that lies whole in one chunk is a view
 * of it, without a copy; one that does not is copied once, into a buffer of its size.
 */
export class MessageAssembler {
  readonly #maxMessageBytes: number;
  /** What has been pushed and not been looked at: a prefix that is cut, or everything while nobody takes. */
  #rest: Buffer = EMPTY;
  /** The message that is arriving, filled up to `#filled`. */
  #message: Buffer | undefined;
  #filled = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** What is held of a message that is not whole yet; 0 between messages. */
  get unfinishedBytes(): number {
    return this.#message?.length ?? this.#rest.length;
  }

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
  }

  /**
   * The next whole message, or undefined when more must arrive first.
   * Throws `request-too-large`, or `request-unimplemented` for a compressed message; then it is of no more use.
   */
  take(): Buffer | undefined {
    if (this.#message !== undefined) return this.#fill(this.#message);
    if (this.#rest.length < FRAME_HEADER_BYTES) {
      // A copy, because the few bytes would keep alive the whole block that they were read in.
      if (this.#rest.length > 0) this.#rest = Buffer.from(this.#rest);
      return undefined;
    }
    const end = FRAME_HEADER_BYTES + this.#announcedLength();
    if (this.#rest.length < end) return this.#begin(end - FRAME_HEADER_BYTES);
    const message = this.#rest.subarray(FRAME_HEADER_BYTES, end);
    this.#consume(end);
    return message;
  }

  #announcedLength(): number {
    if (this.#rest[0] !== 0) {
      throw new AgentError('request-unimplemented', 'compressed messages are not understood: send them as they are');
    }
    const length = this.#rest.readUInt32BE(1);
    if (length > this.#maxMessageBytes) {
      throw new AgentError('request-too-large', `a message of ${length} bytes is over ${this.#maxMessageBytes}`);
    }
    return length;
  }

  #begin(length: number): Buffer | undefined {
    this.#message = Buffer.allocUnsafeSlow(length);
    this.#filled = 0;
    this.#consume(FRAME_HEADER_BYTES);
    return this.#fill(this.#message);
  }

  #fill(message: Buffer): Buffer | undefined {
    const copied = this.#rest.copy(message, this.#filled);
    this.#filled += copied;
    this.#consume(copied);
    if (this.#filled < message.length) return undefined;
    this.#message = undefined;
    return message;
  }

  #consume(bytes: number): void {
    this.#rest = bytes === this.#rest.length ? EMPTY : this.#rest.subarray(bytes);
  }
}
