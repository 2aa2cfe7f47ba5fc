// Which open recalls name something in the story of an item.

import { Reader, bytes, digest, must } from "./bytes.ts";
import type { Evidence, Listed } from "./file.ts";
import { type StateProof, filed, proves } from "./merkle.ts";
import { nameDigest } from "./walk.ts";

/** An open recall. */
export interface Recall {
  /** The member that declared it, and its reference. */
  id: string;
  /** Which of the identifiers that were looked up it names. */
  names: string[];
  /** By language. */
  reason: Record<string, string>;
  /** By language. */
  whatToDo: Record<string, string>;
  contact: string;
  web?: string;
  /** Milliseconds since 1970. */
  declaredAt: number;
}

/** The product of a single thing or a lot, as far as its identifier says. */
const PRODUCT = /^https:\/\/id\.gs1\.org\/((01\/\d{14}|8006\/\d{18})(?=\/)|8003\/\d{14})/;

/** Where records stand in a state. */
export interface Anchor {
  root: string;
  log2: number;
}

/** Checks that a record, or that there is none, is filed under a name. */
export function holds(
  { root, log2 }: Anchor,
  proof: StateProof,
  name: string,
  value: string | undefined,
  place: string,
): void {
  const known = value === undefined ? undefined : digest("state-value", bytes(value));
  must(proves(proof, root, log2, name, known), "state-proof", place);
}

/** Where the open recalls of an identifier are filed: in the bucket of the item of that name. */
function listName(its: string): string {
  const name = nameDigest(its);
  return filed("si", name).slice(0, 8) + filed("sqi", name).slice(8);
}

const id = (read: Reader): string => `${read.string()}:${read.string()}`;

const texts = (read: Reader): Record<string, string> =>
  Object.fromEntries(read.list(() => [read.string(), read.string()]));

function readRecall(encoded: string, place: string, wanted: string): Omit<Recall, "names"> {
  const read = new Reader(bytes(encoded), place);
  const known = id(read);
  read.u64();
  read.list(() => read.string());
  const [reason, whatToDo, contact] = [texts(read), texts(read), read.string()];
  const web = read.bool() ? { web: read.string() } : {};
  read.string();
  read.u64();
  const declaredAt = read.u64();
  const isOver = read.bool();
  if (isOver) {
    texts(read);
    read.string();
    read.u64();
    read.u64();
  }
  read.end();
  must(known === wanted, "other-recall", place);
  must(!isOver, "withdrawn", place);
  return { id: known, reason, whatToDo, contact, ...web, declaredAt };
}

/** Checks that every open recall is there that names something of the walk or its product, and no
 * other; the logs are those of the walk, in its order. */
export function checkRecalls(evidence: Evidence, anchor: Anchor): Recall[] {
  const { logs, products, recalls } = evidence;
  const seen = new Set(logs.map((log) => log.id));
  const names = new Map<string, string[]>();
  const list = ({ id: its, recalls: value, proof }: Listed, place: string, at: string): void => {
    const open: string[] = [];
    if (value !== undefined) {
      const read = new Reader(bytes(value), place);
      const uri = read.string();
      open.push(...read.list(() => id(read)));
      read.end();
      must(uri === its, "recalls-of", place);
    }
    holds(anchor, proof, listName(its), value, at);
    for (const recall of open) names.set(recall, [...(names.get(recall) ?? []), its]);
  };
  let next = 0;
  for (const [i, log] of logs.entries()) {
    const place = `/logs/${i}/recalls`;
    list(log, place, place);
    const product = PRODUCT.exec(log.id)?.[0];
    if (product === undefined || seen.has(product)) continue;
    seen.add(product);
    const at = `/products/${next}`;
    const file = products[next++];
    must(file?.id === product, "missing-product", at);
    list(file, `${at}/recalls`, `${at}/proof`);
  }
  must(next === products.length, "spare-product", `/products/${next}`);
  const found = [...names].map(([recall, its], i): Recall => {
    const place = `/recalls/${i}`;
    const file = recalls[i];
    must(file !== undefined, "missing-recall", place);
    const said = readRecall(file.value, `${place}/value`, recall);
    holds(anchor, file.proof, filed("sqr", nameDigest(recall)), file.value, `${place}/proof`);
    return { ...said, names: its };
  });
  must(found.length === recalls.length, "spare-recall", `/recalls/${found.length}`);
  return found;
}
