// The file as it is written: canonical JSON, with these members and no others.

import { Failed, Unreadable, decoded } from "./bytes.ts";
import type { StateProof } from "./merkle.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface LogFile extends Listed {
  log?: {
    rest: string;
    from: number;
    before: string[];
    entries: { leaf: string; names: string[] }[];
  };
}

export type Section = { leaf: string } | { salt: string; text: string };

export type About =
  | { kind: "item"; id: string; inputs: number }
  | { kind: "agreement"; id: string }
  | { kind: "balance"; account: string; asset: string };

export interface Evidence {
  chain_id: string;
  genesis_digest: string;
  height: number;
  genesis: string;
  validators: string[];
  header: string;
  round: number;
  signatures: { validator: string; signature: string }[];
  about: About;
  logs: LogFile[];
  events: Section[][];
  products: Listed[];
  recalls: { value: string; proof: StateProof }[];
  state?: { value?: string; proof: StateProof };
}

/** The open recalls that name one identifier, encoded; none when absent. */
export interface Listed {
  id: string;
  recalls?: string;
  proof: StateProof;
}

const MAX_BYTES = 16 * 1024 * 1024;

/** RFC 8785; keys and escapes of JSON.stringify are those that it asks for. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const member = (key: string) => `${JSON.stringify(key)}:${canonical(value[key] as Json)}`;
  return `{${Object.keys(value).sort().map(member).join()}}`;
}

type Members = { [key: string]: Json };

function members(value: Json | undefined, needed: string, may = ""): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong("object");
  const all = needed.split(" ");
  const known = [...all, ...may.split(" ")];
  if (all.some((key) => !Object.hasOwn(value, key))) throw wrong(needed);
  if (Object.keys(value).some((key) => !known.includes(key))) throw wrong(needed);
  return value;
}

const wrong = (what: string): Unreadable => new Unreadable(`this is no evidence file: ${what}`);

function list<T>(value: Json | undefined, one: (value: Json) => T): T[] {
  if (!Array.isArray(value)) throw wrong("list");
  return value.map(one);
}

/** A list that is left out when it is empty. */
function some<T>(value: Json | undefined, one: (value: Json) => T): T[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.length === 0) throw new Failed("spelling", "");
  return list(value, one);
}

function str(value: Json | undefined): string {
  // Half a pair of surrogates is no text, and would be digested as another letter.
  if (typeof value !== "string" || /\p{Cs}/u.test(value)) throw wrong("text");
  return value;
}

function num(most: number): (value: Json | undefined) => number {
  return (value) => {
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0 || value > most) {
      throw wrong("number");
    }
    return value;
  };
}

/** Lower-case hex of so many bytes, of any number for none. */
function hexed(size?: number): (value: Json | undefined) => string {
  return (value) => {
    const digits = str(value);
    const length = size === undefined ? digits.length % 2 === 0 : digits.length === 2 * size;
    if (!length || !/^[0-9a-f]*$/.test(digits)) throw wrong("hex");
    return digits;
  };
}

const digest = hexed(32);
const encoded = hexed();
const count = num(Number.MAX_SAFE_INTEGER);

function proof(value: Json | undefined): StateProof {
  const { bucket, path } = members(value, "bucket path");
  return {
    bucket: list(bucket, (pair) => {
      const [key, entry, ...rest] = list(pair, digest);
      if (key === undefined || entry === undefined || rest.length > 0) throw wrong("bucket");
      return [key, entry];
    }),
    path: list(path, digest),
  };
}

function section(value: Json | undefined): Section {
  if (typeof value === "object" && value !== null && "leaf" in value) {
    return { leaf: digest(members(value, "leaf").leaf) };
  }
  const shown = members(value, "salt text");
  return { salt: digest(shown.salt), text: str(shown.text) };
}

function log(value: Json): LogFile {
  const file = members(value, "id proof", "log recalls");
  const out: LogFile = listed(file);
  if (file.log !== undefined) {
    const shown = members(file.log, "rest from entries", "before");
    out.log = {
      rest: digest(shown.rest),
      from: count(shown.from),
      before: some(shown.before, digest),
      entries: list(shown.entries, (entry) => {
        const { leaf, names } = members(entry, "leaf", "names");
        return { leaf: encoded(leaf), names: some(names, str) };
      }),
    };
  }
  return out;
}

function listed(file: Members): Listed {
  const out: Listed = { id: str(file.id), proof: proof(file.proof) };
  if (file.recalls !== undefined) out.recalls = encoded(file.recalls);
  return out;
}

function about(value: Json | undefined): About {
  const kind = members(value, "kind", "id inputs account asset").kind;
  if (kind === "item") {
    const { id, inputs } = members(value, "kind id inputs");
    return { kind, id: str(id), inputs: num(255)(inputs) };
  }
  if (kind === "agreement") return { kind, id: digest(members(value, "kind id").id) };
  if (kind !== "balance") throw wrong("kind");
  const { account, asset } = members(value, "kind account asset");
  return { kind, account: str(account), asset: str(asset) };
}

export function readFile(file: Uint8Array): Evidence {
  if (file.length > MAX_BYTES) throw wrong("too long");
  let text: string;
  let value: Json;
  try {
    text = decoded(file);
    value = JSON.parse(text);
  } catch {
    throw wrong("JSON");
  }
  const all = members(
    value,
    "about certificate chain_id format genesis genesis_digest header height validators version",
    "events logs products recalls state",
  );
  if (all.format !== "tracehold-evidence" || all.version !== 1) throw wrong("format or version");
  const certificate = members(all.certificate, "round signatures");
  const evidence: Evidence = {
    chain_id: str(all.chain_id),
    genesis_digest: digest(all.genesis_digest),
    height: count(all.height),
    genesis: encoded(all.genesis),
    validators: list(all.validators, encoded),
    header: encoded(all.header),
    round: num(2 ** 32 - 1)(certificate.round),
    signatures: list(certificate.signatures, (vote) => {
      const { validator, signature } = members(vote, "validator signature");
      return { validator: digest(validator), signature: hexed(64)(signature) };
    }),
    about: about(all.about),
    logs: some(all.logs, log),
    events: some(all.events, (event) => {
      const parts = members(event, "public trade rest");
      return [section(parts.public), section(parts.trade), section(parts.rest)];
    }),
    products: some(all.products, (file) => listed(members(file, "id proof", "recalls"))),
    recalls: some(all.recalls, (file) => {
      const recall = members(file, "proof value");
      return { value: encoded(recall.value), proof: proof(recall.proof) };
    }),
  };
  if (all.state !== undefined) {
    const state = members(all.state, "proof", "value");
    evidence.state = { proof: proof(state.proof) };
    if (state.value !== undefined) evidence.state.value = encoded(state.value);
  }
  // Written again it must be the same: JSON.parse takes the last of two members of one name, and
  // does not say so.
  if (canonical(value) !== text) throw new Failed("spelling", "");
  return evidence;
}
