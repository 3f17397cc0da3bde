import { AgentError } from '../core/agent-error.ts';
import { FRAME_HEADER_BYTES } from './frame-message.ts';
import type { MessageBuffers } from './message-buffers.ts';

const EMPTY = Buffer.alloc(0);

/**
 * Puts length-prefixed messages together again, however the bytes were cut.
 *
 * Push what arrives, then take messages until there is none. A message that lies whole in one chunk is a view
 * of it, without a copy; one that does not is copied once, into a lent buffer. Either is valid until `release`.
 */
export class MessageAssembler {
  readonly #maxMessageBytes: number;
  readonly #buffers: MessageBuffers;
  /** What has been pushed and not been looked at: a prefix that is cut, or everything while nobody takes. */
  #rest: Buffer = EMPTY;
  /** Where the message is that is arriving, or the last one that was taken. */
  #lent: Buffer | undefined;
  #length = 0;
  #filled = 0;

  constructor(maxMessageBytes: number, buffers: MessageBuffers) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#buffers = buffers;
  }

  /** What is held of a message that is not whole yet; 0 between messages. */
  get unfinishedBytes(): number {
    return this.#lent?.length ?? this.#rest.length;
  }

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
  }

  /**
   * The next whole message, or undefined when more must arrive first. The one before must have been released.
   * Throws `request-too-large`, or `request-unimplemented` for a compressed message; then it is of no more use.
   */
  take(): Buffer | undefined {
    if (this.#lent !== undefined) return this.#fill(this.#lent);
    if (this.#rest.length < FRAME_HEADER_BYTES) {
      // A copy, because the few bytes would keep alive the whole block that they were read in.
      if (this.#rest.length > 0) this.#rest = Buffer.from(this.#rest);
      return undefined;
    }
    this.#length = this.#announcedLength();
    const end = FRAME_HEADER_BYTES + this.#length;
    if (this.#rest.length < end) return this.#begin();
    const message = this.#rest.subarray(FRAME_HEADER_BYTES, end);
    this.#consume(end);
    return message;
  }

  /** Nobody reads the message that was taken any more, or wants the one that is arriving. */
  release(): void {
    if (this.#lent !== undefined) this.#buffers.giveBack(this.#lent);
    this.#lent = undefined;
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

  #begin(): Buffer | undefined {
    this.#consume(FRAME_HEADER_BYTES);
    this.#filled = 0;
    this.#lent = this.#buffers.lend(this.#length);
    return this.#fill(this.#lent);
  }

  #fill(lent: Buffer): Buffer | undefined {
    const bytes = Math.min(this.#rest.length, this.#length - this.#filled);
    this.#rest.copy(lent, this.#filled, 0, bytes);
    this.#filled += bytes;
    this.#consume(bytes);
    return this.#filled < this.#length ? undefined : lent.subarray(0, this.#length);
  }

  #consume(bytes: number): void {
    this.#rest = bytes === this.#rest.length ? EMPTY : this.#rest.subarray(bytes);
  }
}
