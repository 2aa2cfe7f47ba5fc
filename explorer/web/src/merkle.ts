// Merkle trees of RFC 6962 §2.1, and the flat bucket tree over the state. Digests are hex.

import { bytes, digest, plainHash, text } from "./bytes.ts";

const node = (left: string, right: string): string =>
  plainHash(Uint8Array.of(1), bytes(left), bytes(right));

/** A log: how many leaves, and the roots of its perfect subtrees, the largest first. */
export class Frontier {
  constructor(
    public count: number,
    readonly peaks: string[],
  ) {}

  append(leaf: string): void {
    let hash = plainHash(Uint8Array.of(0), bytes(leaf));
    for (let rest = this.count; rest % 2 === 1; rest = (rest - 1) / 2) {
      hash = node(this.peaks.pop() as string, hash);
    }
    this.peaks.push(hash);
    this.count += 1;
  }

  root(): string {
    return this.peaks.reduceRight((right, left) => node(left, right));
  }
}

/** How many bits of a number are set. */
export function ones(value: number): number {
  let count = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

export interface StateProof {
  bucket: [string, string][];
  path: string[];
}

/** The name under which a key is filed: a word, and the digests of names. */
export const filed = (kind: string, ...names: string[]): string =>
  digest("state-key", text(kind), ...names.map(bytes));

/** Whether the state with this root has a value of this digest at a name; none for `undefined`. */
export function proves(
  proof: StateProof,
  root: string,
  log2: number,
  name: string,
  value: string | undefined,
): boolean {
  const { bucket, path } = proof;
  // Lower-case hex of one length sorts as the bytes do.
  if (bucket.some(([one], i) => i > 0 && (bucket[i - 1] as [string, string])[0] >= one)) {
    return false;
  }
  if (bucket.find(([known]) => known === name)?.[1] !== value || path.length !== log2) return false;
  let index = log2 === 0 ? 0 : Number.parseInt(name.slice(0, 8), 16) >>> (32 - log2);
  let hash = digest("state-bucket", ...bucket.flat().map(bytes));
  for (const sibling of path) {
    const [left, right] = index % 2 === 0 ? [hash, sibling] : [sibling, hash];
    hash = digest("state-node", bytes(left), bytes(right));
    index >>>= 1;
  }
  return hash === root;
}
