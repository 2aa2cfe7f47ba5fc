// Which open recalls name something in the story of an item.

import { Reader, bytes, digest, join, must, text } from "./bytes.ts";
import type { Evidence } from "./file.ts";
import { type StateProof, proves } from "./merkle.ts";
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

/** Checks that a record, or that there is none, stands at a key. */
export function holds(
  { root, log2 }: Anchor,
  proof: StateProof,
  key: Uint8Array,
  value: string | undefined,
  place: string,
): void {
  const known = value === undefined ? undefined : digest("state-value", bytes(value));
  must(proves(proof, root, log2, key, known), "state-proof", place);
}

const named = (kind: string, name: string): Uint8Array =>
  join(text(kind), bytes(nameDigest(name)));

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
  must(known === wanted, "other-notice", place);
  must(!isOver, "withdrawn", place);
  return { id: known, reason, whatToDo, contact, ...web, declaredAt };
}

/** Checks that every open recall is there that names one of these or its product, and no other. */
export function checkRecalls(file: Evidence["recalls"], ids: string[], anchor: Anchor): Recall[] {
  must(file !== undefined, "missing-recalls", "/recalls");
  const wanted = new Set(ids.flatMap((one) => [one, PRODUCT.exec(one)?.[0] ?? one]));
  const names = new Map<string, string[]>();
  let at = 0;
  for (const one of wanted) {
    const place = `/recalls/named/${at}`;
    const list = file.named[at++];
    must(list?.id === one, "missing-recalls", place);
    const { value, proof } = list;
    const open: string[] = [];
    if (value !== undefined) {
      const read = new Reader(bytes(value), `${place}/value`);
      const uri = read.string();
      open.push(...read.list(() => id(read)));
      read.end();
      must(uri === one, "recalls-of", `${place}/value`);
    }
    holds(anchor, proof, named("sqi", one), value, `${place}/proof`);
    for (const recall of open) names.set(recall, [...(names.get(recall) ?? []), one]);
  }
  must(at === file.named.length, "spare-recalls", `/recalls/named/${at}`);
  const found = [...names].map(([recall, its], i): Recall => {
    const place = `/recalls/notices/${i}`;
    const notice = file.notices[i];
    must(notice !== undefined, "missing-notice", place);
    const said = readRecall(notice.value, `${place}/value`, recall);
    holds(anchor, notice.proof, named("sqr", recall), notice.value, `${place}/proof`);
    return { ...said, names: its };
  });
  must(found.length === file.notices.length, "spare-notice", `/recalls/notices/${found.length}`);
  return found;
}
