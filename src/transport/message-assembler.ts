import { AgentError } from '../core/agent-error.ts';
import type { MessageFilter } from '../core/rpc.ts';
import { FRAME_HEADER_BYTES } from './frame-message.ts';
import type { MessageBuffers } from './message-buffers.ts';

const EMPTY = Buffer.alloc(0);

/**
 * Puts length-prefixed messages together again, however the bytes were cut.
 *
 * Push what arrives, then take messages until there is none. A message that lies whole in one chunk is a view
 * of it, without a copy; one that does not goes through the filter, or is copied once, into a lent buffer. Each is
 * valid until `release`.
 */
export class MessageAssembler {
  readonly #maxMessageBytes: number;
  readonly #buffers: MessageBuffers;
  readonly #createFilter: (() => MessageFilter) | undefined;
  /** What has been pushed and not been looked at: a prefix that is cut, or everything while nobody takes. */
  #rest: Buffer = EMPTY;
  /** Where the message is that is arriving, or the last one that was taken. */
  #lent: Buffer | undefined;
  /** What the message that is arriving goes through, in place of a buffer. */
  #filter: MessageFilter | undefined;
  #length = 0;
  #filled = 0;

  constructor(maxMessageBytes: number, buffers: MessageBuffers, createFilter?: () => MessageFilter) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#buffers = buffers;
    this.#createFilter = createFilter;
  }

  /** Whether a message has begun and is not whole yet. */
  get unfinished(): boolean {
    return this.#filter !== undefined || this.#lent !== undefined || this.#rest.length > 0;
  }

  /** What is held of it. */
  get unfinishedBytes(): number {
    return this.#filter?.heldBytes ?? this.#lent?.length ?? this.#rest.length;
  }

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
  }

  /**
   * The next whole message, or undefined when more must arrive first. The one before must have been released.
   * Throws `request-too-large`, or `request-unimplemented` for a compressed message; then it is of no more use.
   */
  take(): Buffer | undefined {
    if (this.#filter !== undefined) return this.#pass(this.#filter);
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
    this.#filter = undefined;
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
    if (this.#createFilter !== undefined) {
      this.#filter = this.#createFilter();
      return this.#pass(this.#filter);
    }
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

  #pass(filter: MessageFilter): Buffer | undefined {
    const bytes = Math.min(this.#rest.length, this.#length - this.#filled);
    filter.push(this.#rest.subarray(0, bytes));
    this.#filled += bytes;
    this.#consume(bytes);
    if (this.#filled < this.#length) return undefined;
    this.#filter = undefined;
    return filter.end();
  }

  #consume(bytes: number): void {
    this.#rest = bytes === this.#rest.length ? EMPTY : this.#rest.subarray(bytes);
  }
}
