import { AgentError } from '../core/agent-error.ts';
import type { MessageFilter } from '../core/rpc.ts';

/** Protobuf's wire types (protobuf.dev, "Encoding"); groups are not used by the messages read here. */
const WireType = { VARINT: 0, I64: 1, LEN: 2, I32: 5 } as const;

/** The last field of `envoy.config.core.v3.Node` that is looked at: id is 1, cluster is 2. */
const LAST_NODE_FIELD = 2;

/** A tag of 32 bits takes at most 5 bytes, a varint at most 10. */
const LONGEST_HEADER_BYTES = 5 + 10;

/**
 * Shortens a discovery request while it arrives: of its Node, only id and cluster are kept. The first request of each
 * of Envoy's streams is 61 KB, and 60 of them are the Node's list of extensions; a thousand Envoys that connect
 * together would otherwise have the agent hold, copy and throw away as many times that.
 *
 * What is left decodes to the same as the whole, as far as it is looked at. Fields of the Node are taken to be in the
 * order of their numbers, as every serializer writes them: the first one beyond the cluster ends the search, so that
 * a thousand extensions cost no more than one. The Node's id is shown to people, nothing is decided by it.
 */
export class RequestFilter implements MessageFilter {
  readonly #nodeField: number;
  readonly #kept: Buffer[] = [];
  readonly #node: Buffer[] = [];
  #keptBytes = 0;
  /** Tag, and length or number, of the field that is being read. */
  readonly #header = Buffer.alloc(LONGEST_HEADER_BYTES);
  #headerLength = 0;
  /** Where the tag ends in the header; 0 while it is not whole. */
  #tagLength = 0;
  #tag = 0;
  /** Bytes of the field's value that have not come yet, and where they go; nowhere: they are not looked at. */
  #valueLeft = 0;
  #destination: Buffer[] | undefined;
  #inNode = false;
  #nodeLeft = 0;
  #nodeSeen = false;

  /** @param nodeField the number of the field `node`: 2 in DiscoveryRequest, 1 in DeltaDiscoveryRequest */
  constructor(nodeField: number) {
    this.#nodeField = nodeField;
  }

  get heldBytes(): number {
    return this.#keptBytes;
  }

  push(piece: Buffer): void {
    let offset = 0;
    while (offset < piece.length) {
      if (this.#valueLeft > 0) {
        const end = Math.min(piece.length, offset + this.#valueLeft);
        this.#keep(piece.subarray(offset, end));
        this.#valueLeft -= end - offset;
        offset = end;
      } else {
        this.#readHeaderByte(piece[offset] ?? 0);
        offset++;
      }
      if (this.#inNode && this.#valueLeft === 0 && this.#headerLength === 0) this.#leaveNodeAtItsEnd();
    }
  }

  end(): Buffer {
    if (this.#valueLeft > 0 || this.#headerLength > 0 || this.#inNode) throw invalid('it ends within a field');
    if (!this.#nodeSeen) return Buffer.concat(this.#kept);
    const node = Buffer.concat(this.#node);
    return Buffer.concat([
      ...this.#kept,
      writeVarint((this.#nodeField << 3) | WireType.LEN),
      writeVarint(node.length),
      node,
    ]);
  }

  #keep(bytes: Buffer): void {
    if (this.#destination === undefined) return;
    // A copy: the piece is a view of what was read from the socket, which may be large.
    this.#destination.push(Buffer.from(bytes));
    this.#keptBytes += bytes.length;
  }

  #readHeaderByte(byte: number): void {
    if (this.#headerLength === LONGEST_HEADER_BYTES) throw invalid('a field has no end');
    this.#header[this.#headerLength] = byte;
    this.#headerLength++;
    // The high bit says that more bytes of the number follow.
    if (byte >= 0x80) return;
    if (this.#tagLength === 0) this.#beginField();
    else this.#beginValue();
  }

  #beginField(): void {
    this.#tagLength = this.#headerLength;
    this.#tag = readVarint(this.#header, 0, this.#tagLength);
    const field = this.#tag >>> 3;
    if (field === 0) throw invalid('a field has the number 0');
    if (this.#inNode && field > LAST_NODE_FIELD) {
      this.#passOverNode();
      return;
    }
    this.#destination = this.#inNode ? this.#node : this.#kept;
    switch (this.#tag & 7) {
      case WireType.VARINT:
      case WireType.LEN:
        return;
      case WireType.I64:
        this.#endHeader(8);
        return;
      case WireType.I32:
        this.#endHeader(4);
        return;
      default:
        throw invalid('a field has a wire type that is not known');
    }
  }

  /** The number after the tag is whole: the value itself, or the value's length. */
  #beginValue(): void {
    if ((this.#tag & 7) === WireType.VARINT) {
      this.#endHeader(0);
      return;
    }
    const length = readVarint(this.#header, this.#tagLength, this.#headerLength);
    if (!this.#inNode && this.#tag >>> 3 === this.#nodeField) this.#enterNode(length);
    else this.#endHeader(length);
  }

  #endHeader(valueLength: number): void {
    if (this.#inNode) {
      this.#nodeLeft -= this.#headerLength + valueLength;
      if (this.#nodeLeft < 0) throw invalid('a field of the node is longer than the node');
    }
    this.#keep(this.#header.subarray(0, this.#headerLength));
    this.#headerLength = 0;
    this.#tagLength = 0;
    this.#valueLeft = valueLength;
  }

  #enterNode(length: number): void {
    this.#headerLength = 0;
    this.#tagLength = 0;
    this.#nodeSeen = true;
    this.#inNode = true;
    this.#nodeLeft = length;
  }

  #passOverNode(): void {
    this.#destination = undefined;
    this.#valueLeft = this.#nodeLeft - this.#headerLength;
    if (this.#valueLeft < 0) throw invalid('a field of the node is longer than the node');
    this.#nodeLeft = 0;
    this.#headerLength = 0;
    this.#tagLength = 0;
  }

  #leaveNodeAtItsEnd(): void {
    if (this.#nodeLeft === 0) this.#inNode = false;
  }
}

/** @throws AgentError `request-invalid` for a number beyond 32 bits: no tag or length of a message that fits is one */
function readVarint(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let index = to - 1; index >= from; index--) value = value * 128 + ((bytes[index] ?? 0) & 0x7f);
  if (value > 0xffffffff) throw invalid('a tag or a length is out of range');
  return value;
}

function writeVarint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}

function invalid(what: string): AgentError {
  return new AgentError('request-invalid', `the message is not a discovery request: ${what}`);
}
