// An entry of an item's log.

import { Reader, digest, integer, join, string } from "./bytes.ts";

/** Where an event stands in the history: height, transaction, event. */
export type Position = [number, number, number];
/** Where it stands in the story: time, then position. */
export type Mark = [number, number, number, number];

export type Leads =
  | { to: "nowhere" | "emptied" | "packing" | "ended" }
  | { to: "into"; parent: string; moves: boolean }
  | { to: "out-of"; parent: string; whole: boolean }
  | { to: "made"; inputs: string; joined: boolean }
  | { to: "voids"; position: Position };

export interface Leaf {
  position: Position;
  event: string;
  recorder: string;
  counts: boolean;
  leads: Leads;
  mark: Mark;
  digest: string;
}

export function compare(one: readonly number[], other: readonly number[]): number {
  const differs = one.findIndex((value, i) => value !== other[i]);
  return differs < 0 ? 0 : (one[differs] as number) - (other[differs] as number);
}

export function readLeaf(encoded: Uint8Array, place: string): Leaf {
  const read = new Reader(encoded, place);
  const position = (): Position => [read.u64(), read.int(4), read.int(4)];
  const at = position();
  const event = read.hex32();
  read.variant(5);
  const time = Math.min(read.u64(), read.u64());
  const recorder = read.string();
  const counts = read.bool();
  const leads = ((): Leads => {
    switch (read.variant(8)) {
      case 1:
        return { to: "into", parent: read.hex32(), moves: read.bool() };
      case 2:
        return { to: "out-of", parent: read.hex32(), whole: read.bool() };
      case 3:
        return { to: "emptied" };
      case 4:
        return { to: "packing" };
      case 5:
        return { to: "ended" };
      case 6:
        return { to: "made", inputs: read.hex32(), joined: read.bool() };
      case 7:
        return { to: "voids", position: position() };
      default:
        return { to: "nowhere" };
    }
  })();
  read.end();
  const own = digest("item-log-leaf", encoded);
  return { position: at, event, recorder, counts, leads, mark: [time, ...at], digest: own };
}

export const inputsDigest = (names: string[]): string =>
  digest("item-inputs", join(integer(names.length, 8), ...names.map(string)));
