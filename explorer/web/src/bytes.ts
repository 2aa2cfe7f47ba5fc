// Bytes as the ledger writes and digests them: bincode with fixed little-endian integers, and
// SHA-256 with a domain before the data.

import { sha256 } from "@noble/hashes/sha2.js";

/** What does not hold, and where in the file (a JSON pointer). */
export class Failed extends Error {
  constructor(
    readonly code: string,
    readonly place: string,
  ) {
    super(`${code} at ${place}`);
  }
}

export function must(holds: boolean, code: string, place: string): asserts holds {
  if (!holds) throw new Failed(code, place);
}

/** Why something is no evidence file at all. */
export class Unreadable extends Error {}

const utf8 = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const text = (value: string): Uint8Array => utf8.encode(value);
export const decoded = (bytes: Uint8Array): string => strict.decode(bytes);

export function hex(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += byte.toString(16).padStart(2, "0");
  return out;
}

export function bytes(digits: string): Uint8Array {
  const out = new Uint8Array(digits.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return out;
}

export function join(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** An integer of so many bytes, the lowest first. */
export function integer(value: number, size: number): Uint8Array {
  const out = new Uint8Array(size);
  for (let i = 0, rest = value; i < size; i++, rest = Math.floor(rest / 256)) out[i] = rest % 256;
  return out;
}

/** An integer as short as it is, for records of the state. */
export function short(value: number): Uint8Array {
  if (value < 251) return Uint8Array.of(value);
  const mark = value < 2 ** 16 ? 1 : value < 2 ** 32 ? 2 : 3;
  return join(Uint8Array.of(250 + mark), integer(value, 2 ** mark));
}

export function string(value: string): Uint8Array {
  const body = text(value);
  return join(integer(body.length, 8), body);
}

export const plainHash = (...parts: Uint8Array[]): string => hex(sha256(join(...parts)));

/** A digest in a domain, as hex. */
export function digest(domain: string, ...parts: Uint8Array[]): string {
  const tag = text(`tracehold/1/${domain}`);
  return plainHash(Uint8Array.of(tag.length), tag, ...parts);
}

/** Reads an encoding; whoever reads it says `end()` when everything should be read. */
export class Reader {
  private at = 0;
  constructor(
    private readonly from: Uint8Array,
    private readonly place: string,
  ) {}

  take(count: number): Uint8Array {
    const end = this.at + count;
    if (end > this.from.length) throw this.broken();
    const part = this.from.subarray(this.at, end);
    this.at = end;
    return part;
  }

  int(size: number): number {
    let value = 0;
    this.take(size).forEach((byte, i) => (value += byte * 256 ** i));
    if (!Number.isSafeInteger(value)) throw this.broken();
    return value;
  }

  u64 = (): number => this.int(8);
  hex32 = (): string => hex(this.take(32));

  bool(): boolean {
    const value = this.int(1);
    if (value > 1) throw this.broken();
    return value === 1;
  }

  /** Which of so many variants. */
  variant(count: number): number {
    const value = this.int(4);
    if (value >= count) throw this.broken();
    return value;
  }

  string(): string {
    try {
      return decoded(this.take(this.u64()));
    } catch {
      throw this.broken();
    }
  }

  list<T>(one: () => T): T[] {
    const count = this.u64();
    if (count > this.from.length) throw this.broken();
    return Array.from({ length: count }, one);
  }

  end(): void {
    if (this.at !== this.from.length) throw this.broken();
  }

  private broken(): Failed {
    return new Failed("encoding", this.place);
  }
}
