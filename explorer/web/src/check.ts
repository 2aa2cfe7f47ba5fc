// Checks an evidence file in the browser, trusting nothing in it. Shares nothing with the checker
// in Rust but the vectors in docs/evidence-vectors.

import {
  Failed,
  Reader,
  Unreadable,
  bytes,
  digest,
  integer,
  join,
  must,
  short,
  string,
  text,
} from "./bytes.ts";
import { type Evidence, type LogFile, readFile } from "./file.ts";
import { compare, readLeaf } from "./leaf.ts";
import { Frontier, filed, ones, proves } from "./merkle.ts";
import { type Anchor, type Recall, checkRecalls, holds } from "./recalls.ts";
import { verifySignature } from "./signature.ts";
import {
  type Cut,
  type Entry,
  type Log,
  MAX_COUNT,
  MAX_ENTRIES,
  type Span,
  type Told,
  Walk,
  nameDigest,
} from "./walk.ts";

/** What the checker knows and wants. */
export interface Trust {
  /** The digest of the genesis record of the network that the file must be from. */
  genesis?: string;
  /** The lowest block that is fresh enough. */
  leastHeight?: number;
  /** The canonical identifier that the file must be about. */
  item?: string;
}

/** What a file that holds has shown. */
export interface Report {
  state: "holds";
  chainId: string;
  genesisDigest: string;
  /** Whether that is the one that was trusted beforehand. */
  networkCompared: boolean;
  height: number;
  /** Milliseconds since 1970: how fresh it is. */
  blockTime: number;
  votes: number;
  validators: number;
  power: number;
  totalPower: number;
  about: Evidence["about"];
  exists: boolean;
  item?: {
    count: number;
    from: number;
    claims: number;
    events: number;
    /** Of each event, in the order of the file. */
    told: Told[];
    withheldEvents: number;
    withheldSections: number;
    spans: Span[];
    levels: number;
    inputs: number;
    cuts: Cut[];
  };
  /** The open recalls that name something in the story of the item, or its product. */
  recalls: Recall[];
}

export type Result =
  | Report
  | { state: "failed"; code: string; place: string }
  | { state: "unreadable"; reason: string };

const SECTIONS = ["public", "trade", "rest"];
const MAX_INPUT_LEVELS = 16;

/** Checks a file, given as its bytes or its text. */
export async function check(file: Uint8Array | string, trust: Trust = {}): Promise<Result> {
  try {
    return await verify(readFile(typeof file === "string" ? text(file) : file), trust);
  } catch (error) {
    if (error instanceof Failed) return { state: "failed", code: error.code, place: error.place };
    if (error instanceof Unreadable) return { state: "unreadable", reason: error.message };
    throw error;
  }
}

interface Validator {
  key: string;
  name: Uint8Array;
  power: number;
}

interface Genesis {
  chainId: string;
  log2: number;
  validators: Validator[];
}

function readGenesis(encoded: Uint8Array): Genesis {
  const read = new Reader(encoded, "/genesis");
  const chainId = read.string();
  read.u64();
  for (let i = 0; i < 6; i++) read.u64();
  const log2 = read.int(1);
  read.u64();
  read.u64();
  read.list(() => read.int(1));
  read.int(2);
  const validators: Validator[] = [];
  read.list(() => {
    read.string();
    read.string();
    read.list(() => read.string());
    read.list(() => read.string());
    read.list(() => read.variant(2));
    read.list(() => [read.string(), read.take(32)]);
    read.list(() => {
      const name = string(read.string());
      const key = read.hex32();
      if (read.variant(2) === 0) validators.push({ key, name, power: read.u64() });
    });
  });
  read.end();
  validators.sort((one, other) => (one.key < other.key ? -1 : 1));
  return { chainId, log2, validators };
}

function encodeSet(validators: Validator[]): Uint8Array {
  const parts = validators.map(({ key, name, power }) => join(bytes(key), name, integer(power, 8)));
  return join(integer(validators.length, 8), ...parts);
}

function readHeader(encoded: Uint8Array) {
  const read = new Reader(encoded, "/header");
  const header = {
    version: read.int(2),
    chainId: read.string(),
    height: read.u64(),
    previous: read.hex32(),
    blockTime: read.u64(),
    proposer: read.hex32(),
    validators: read.hex32(),
    next: read.hex32(),
    transactions: read.hex32(),
    receipts: read.hex32(),
    stateRoot: read.hex32(),
    id: digest("block-header", encoded),
  };
  read.end();
  return header;
}

async function verify(evidence: Evidence, trust: Trust): Promise<Report> {
  const { about, events, logs } = evidence;
  const genesisBytes = bytes(evidence.genesis);
  const genesis = readGenesis(genesisBytes);
  const genesisDigest = digest("genesis", genesisBytes);
  must(genesisDigest === evidence.genesis_digest, "genesis-digest", "/genesis_digest");
  const isOther = trust.genesis !== undefined && trust.genesis !== genesisDigest;
  must(!isOther, "other-network", "/genesis_digest");
  must(genesis.log2 <= 28 && genesis.validators.length > 0, "genesis", "/genesis");
  must(genesis.chainId === evidence.chain_id, "chain-id", "/chain_id");
  // Sets do not change yet: the chain from the genesis record's set to the block's has one link.
  must(evidence.validators.length === 1, "validators", "/validators");
  const set = encodeSet(genesis.validators);
  const isSame = compare([...bytes(evidence.validators[0] as string)], [...set]) === 0;
  const isLong = (evidence.validators[0] as string).length === 2 * set.length;
  must(isSame && isLong, "validators", "/validators/0");
  const header = readHeader(bytes(evidence.header));
  must(header.version === 1, "block-version", "/header");
  must(header.chainId === evidence.chain_id, "chain-id", "/header");
  must(header.height === evidence.height, "height", "/height");
  must(header.validators === digest("validator-set", set), "header-validators", "/header");
  const powers = await votes(evidence, header, genesis.validators);
  const sum = (all: number[]): number => all.reduce((one, other) => one + other, 0);
  const tooOld = trust.leastHeight !== undefined && header.height < trust.leastHeight;
  must(!tooOld, "too-old", "/height");
  const isAbout = about.kind === "item" && about.id === trust.item;
  must(trust.item === undefined || isAbout, "other-subject", "/about");
  const report: Report = {
    state: "holds",
    chainId: genesis.chainId,
    genesisDigest,
    networkCompared: trust.genesis !== undefined,
    height: header.height,
    blockTime: header.blockTime,
    votes: powers.length,
    validators: genesis.validators.length,
    power: sum(powers),
    totalPower: sum(genesis.validators.map(({ power }) => power)),
    about,
    exists: false,
    recalls: [],
  };
  const anchor = { root: header.stateRoot, log2: genesis.log2 };
  if (about.kind === "item") {
    must(evidence.state === undefined, "spare-state", "/state");
    const item = checkItem(evidence, about, anchor);
    if (item) report.item = item;
    report.exists = item !== undefined;
    report.recalls = checkRecalls(evidence, anchor);
    return report;
  }
  must(logs.length === 0, "spare-log", "/logs/0");
  must(events.length === 0, "spare-event", "/events/0");
  must(evidence.products.length === 0, "spare-product", "/products/0");
  must(evidence.recalls.length === 0, "spare-recall", "/recalls/0");
  must(evidence.state !== undefined, "missing-state", "/state");
  const { value, proof } = evidence.state;
  const name =
    about.kind === "agreement"
      ? filed("sgp", about.id)
      : filed("sb", nameDigest(about.account), nameDigest(about.asset));
  holds(anchor, proof, name, value, "/state");
  report.exists = value !== undefined;
  return report;
}

/** Checks the votes, and gives their powers. */
async function votes(
  { round, signatures }: Evidence,
  header: { chainId: string; height: number; id: string },
  validators: Validator[],
): Promise<number[]> {
  const place = "/certificate/signatures";
  // A precommit: chain, kind, height, round, the block.
  const { chainId, height, id } = header;
  const block = join(Uint8Array.of(1), bytes(id));
  const parts = [string(chainId), integer(1, 4), integer(height, 8), integer(round, 4), block];
  const signed = bytes(digest("vote", ...parts));
  const known = new Map(validators.map((validator) => [validator.key, validator.power]));
  signatures.forEach(({ validator }, i) => {
    must(i === 0 || (signatures[i - 1]?.validator as string) < validator, "vote-order", place);
  });
  const powers: number[] = [];
  for (const [i, { validator, signature }] of signatures.entries()) {
    const power = known.get(validator);
    must(power !== undefined, "not-a-validator", `${place}/${i}`);
    const holds = await verifySignature(bytes(validator), signed, bytes(signature));
    must(holds, "vote-signature", `${place}/${i}`);
    powers.push(power);
  }
  const total = [...known.values()].reduce((one, other) => one + other, 0);
  const power = powers.reduce((one, other) => one + other, 0);
  const isEnough = (some: number): boolean => some * 3 > total * 2;
  must(isEnough(power), "too-little-power", place);
  must(!isEnough(power - Math.min(...powers)), "spare-vote", place);
  return powers;
}

/** Checks a log, or that there is none, against the state root. */
function checkLog(file: LogFile, place: string, { root, log2 }: Anchor): Log | undefined {
  let value: string | undefined;
  let log: Log | undefined;
  if (file.log) {
    const { rest, from, before } = file.log;
    must(before.length === ones(from), "log-start", `${place}/log`);
    const frontier = new Frontier(from, [...before]);
    const entries = file.log.entries.map(({ leaf, names }, i): Entry => {
      const read = readLeaf(bytes(leaf), `${place}/log/entries/${i}/leaf`);
      frontier.append(read.digest);
      return { leaf: read, names };
    });
    const { count, peaks } = frontier;
    const first = count > MAX_COUNT ? count : Math.max(0, count - MAX_ENTRIES);
    must(count > 0 && from === first, "log-start", `${place}/log`);
    const uri = text(file.id);
    const sizes = [short(count), short(peaks.length)];
    const head = join(short(uri.length), uri, ...sizes, ...peaks.map(bytes));
    value = digest("item-record", integer(head.length, 8), head, bytes(rest));
    log = { place, from, entries };
  }
  const name = filed("si", nameDigest(file.id));
  must(proves(file.proof, root, log2, name, value), "state-proof", `${place}/proof`);
  return log;
}

function checkItem(
  { logs, events }: Evidence,
  { id, inputs }: { id: string; inputs: number },
  anchor: Anchor,
): Report["item"] {
  must(inputs <= MAX_INPUT_LEVELS, "levels", "/about/inputs");
  const read: Log[] = [];
  let next = 0;
  const open = (wanted: string): Log | undefined => {
    const place = `/logs/${next}`;
    const file = logs[next];
    must(file?.id === wanted, "missing-log", place);
    const log = checkLog(file, place, anchor);
    must(log !== undefined || next === 0, "absent-log", place);
    next += 1;
    if (log) read.push(log);
    return log;
  };
  const walk = new Walk(open, id, inputs);
  must(next === logs.length, "spare-log", `/logs/${next}`);
  must(walk.levels === inputs, "levels", "/about/inputs");
  for (const { place, entries } of read) {
    entries.forEach((entry, i) => {
      const isNeeded = entry.names.length === 0 || walk.named.has(entry);
      must(isNeeded, "spare-names", `${place}/log/entries/${i}/names`);
    });
  }
  const wanted = [...walk.events.values()].sort((a, b) => compare(a.position, b.position));
  const withheld = events.map((sections, i) => {
    const leaves = sections.map((section, name) => {
      if ("leaf" in section) return section.leaf;
      const word = text(SECTIONS[name] as string);
      const said = [Uint8Array.of(word.length), word, bytes(section.salt), text(section.text)];
      return digest("event-section", ...said);
    });
    const tree = new Frontier(0, []);
    leaves.forEach((leaf) => tree.append(leaf));
    const event = wanted[i];
    must(event !== undefined, "spare-event", `/events/${i}`);
    must(tree.root() === event.event, "event", `/events/${i}`);
    return sections.filter((section) => "leaf" in section).length;
  });
  must(events.length === wanted.length, "missing-event", `/events/${events.length}`);
  const [own] = read;
  if (!own) return undefined;
  return {
    count: own.from + own.entries.length,
    from: own.from,
    claims: own.entries.filter(({ leaf }) => !leaf.counts).length,
    events: events.length,
    told: wanted.map(({ recorder, mark, level }) => ({ recorder, mark, level })),
    withheldEvents: withheld.filter((sections) => sections > 0).length,
    withheldSections: withheld.reduce((one, other) => one + other, 0),
    spans: walk.spans,
    levels: walk.levels,
    inputs: walk.told.size - 1,
    cuts: walk.cuts,
  };
}
