// Which logs and events belong to the story of an item, worked out from the logs alone; see
// docs/evidence.md.

import { Failed, digest, text } from "./bytes.ts";
import { type Leaf, type Mark, type Position, compare, inputsDigest } from "./leaf.ts";

export const MAX_LOGS = 256;
export const MAX_ENTRIES = 512;
export const MAX_COUNT = 65_536;
const MAX_CONTAINER_LEVELS = 16;
const MAX_SPANS = 4_096;

export interface Entry {
  leaf: Leaf;
  names: string[];
}

export interface Log {
  place: string;
  from: number;
  entries: Entry[];
}

export interface Cut {
  id: string;
  reason: "older" | "inputs" | "joined" | "logs" | "deep";
}

/** A time in a container: the first and the last entry of its log, when any of it is shown. */
export interface Span {
  container: string;
  range?: [number, number];
}

interface Stay {
  uri: string;
  name: string;
  from: Mark;
  to?: Mark;
}

type Task =
  | { id: string; level: number }
  | { container: string; from: Mark; to: Mark | undefined; depth: number; level: number };

/** An event of the story: who recorded it, where it stands, at which least level of what went in. */
export interface Told {
  recorder: string;
  mark: Mark;
  level: number;
}

export class Walk {
  readonly events = new Map<string, Told & { position: Position; event: string }>();
  readonly named = new Set<Entry>();
  readonly spans: Span[] = [];
  readonly told = new Set<string>();
  levels = 0;
  private readonly cutAt = new Map<string, Cut>();
  private readonly known = new Map<string, Log | undefined>();
  private readonly looked = new Map<string, { from: Mark; to: Mark | undefined }[]>();
  private spanCount = 0;
  private readonly tasks: Task[];

  constructor(
    private readonly log: (id: string) => Log | undefined,
    id: string,
    private readonly depth: number,
  ) {
    this.tasks = [{ id, level: 0 }];
    for (let i = 0; i < this.tasks.length; i++) {
      const task = this.tasks[i] as Task;
      if ("id" in task) this.story(task.id, task.level);
      else this.inside(task.container, task.from, task.to, task.depth, task.level);
    }
  }

  get cuts(): Cut[] {
    return [...this.cutAt.values()];
  }

  private cut(id: string, reason: Cut["reason"]): void {
    this.cutAt.set(`${reason} ${id}`, { id, reason });
  }

  private open(id: string): boolean {
    if (this.known.has(id)) return true;
    if (this.known.size >= MAX_LOGS) {
      this.cut(id, "logs");
      return false;
    }
    const log = this.log(id);
    if (log && log.from > 0) this.cut(id, "older");
    this.known.set(id, log);
    return true;
  }

  private add({ position, event, recorder, mark }: Leaf, level: number): void {
    const at = position.join();
    const least = Math.min(level, this.events.get(at)?.level ?? level);
    this.events.set(at, { position, event, recorder, mark, level: least });
  }

  private story(id: string, level: number): void {
    if (this.told.has(id) || !this.open(id)) return;
    this.told.add(id);
    this.levels = Math.max(this.levels, level);
    const log = this.known.get(id);
    if (!log) return;
    const gone = voided(log);
    const inputs: string[] = [];
    log.entries.forEach((entry, index) => {
      const { leaf, names } = entry;
      this.add(leaf, level);
      if (leaf.leads.to !== "made" || gone.has(leaf.position.join())) return;
      if (leaf.leads.joined) this.cut(id, "joined");
      if (leaf.leads.inputs === inputsDigest([])) return;
      if (level >= this.depth) {
        this.cut(id, "inputs");
        return;
      }
      if (inputsDigest(names) !== leaf.leads.inputs) throw misnamed(log, index);
      this.named.add(entry);
      inputs.push(...names);
    });
    for (const { uri, from, to } of this.stays(log)) {
      this.tasks.push({ container: uri, from, to, depth: 1, level });
    }
    for (const input of inputs) this.tasks.push({ id: input, level: level + 1 });
  }

  private inside(
    container: string,
    from: Mark,
    end: Mark | undefined,
    depth: number,
    level: number,
  ): void {
    if (depth > MAX_CONTAINER_LEVELS) return this.cut(container, "deep");
    if (this.spanCount >= MAX_SPANS) return this.cut(container, "logs");
    this.spanCount += 1;
    if (!this.open(container)) return;
    const log = this.known.get(container);
    if (!log) return;
    const gone = voided(log);
    let to = end;
    for (const { leaf } of log.entries) {
      const empties = leaf.leads.to === "emptied" && leaf.counts && !gone.has(leaf.position.join());
      if (empties && compare(leaf.mark, from) > 0 && (!to || compare(leaf.mark, to) < 0)) {
        to = leaf.mark;
      }
    }
    const looked = this.looked.get(container) ?? [];
    const last = to;
    const covers = looked.some(
      (span) =>
        compare(span.from, from) <= 0 && (!span.to || (last && compare(span.to, last) >= 0)),
    );
    const has = ({ mark }: Leaf): boolean =>
      compare(from, mark) <= 0 && (!last || compare(mark, last) <= 0);
    const within = new Set(
      log.entries.filter(({ leaf }) => has(leaf)).map(({ leaf }) => leaf.position.join()),
    );
    const shown: number[] = [];
    log.entries.forEach(({ leaf }, index) => {
      const corrects = leaf.leads.to === "voids" && within.has(leaf.leads.position.join());
      if (!within.has(leaf.position.join()) && !corrects) return;
      shown.push(log.from + index);
      if (leaf.leads.to !== "packing") this.add(leaf, level);
    });
    if (covers) return;
    this.looked.set(container, [...looked, { from, to }]);
    const [first] = shown;
    this.spans.push(
      first === undefined ? { container } : { container, range: [first, shown.at(-1) ?? first] },
    );
    for (const stay of this.stays(log)) {
      const begin = compare(from, stay.from) > 0 ? from : stay.from;
      const ends = [to, stay.to].filter((mark) => mark !== undefined).sort(compare)[0];
      if (!ends || compare(begin, ends) <= 0) {
        this.tasks.push({ container: stay.uri, from: begin, to: ends, depth: depth + 1, level });
      }
    }
  }

  /** When an item was in which parent, as its own log says. */
  private stays(log: Log): Stay[] {
    const gone = voided(log);
    const order = log.entries
      .map((entry, index) => ({ entry, index }))
      .filter(({ entry }) => !gone.has(entry.leaf.position.join()))
      .sort((one, other) => compare(one.entry.leaf.mark, other.entry.leaf.mark));
    const stays: Stay[] = [];
    for (const { entry, index } of order) {
      const { leads, counts, mark } = entry.leaf;
      const close = (of: (stay: Stay) => boolean): void => {
        for (const stay of stays) if (!stay.to && of(stay)) stay.to = mark;
      };
      if (leads.to === "into") {
        if (leads.moves && counts) close((stay) => stay.name !== leads.parent);
        const [uri] = entry.names;
        if (entry.names.length !== 1 || uri === undefined || nameDigest(uri) !== leads.parent) {
          throw misnamed(log, index);
        }
        this.named.add(entry);
        // Also when it is in there as far as its own log tells: the container's may tell otherwise.
        stays.push({ uri, name: leads.parent, from: mark });
      } else if (leads.to === "out-of" && leads.whole && counts) {
        close((stay) => stay.name === leads.parent);
      } else if (leads.to === "ended" && counts) {
        close(() => true);
      }
    }
    return stays;
  }
}

export const nameDigest = (uri: string): string => digest("state-name", text(uri));

function voided(log: Log): Set<string> {
  const positions = new Set<string>();
  for (const { leaf } of log.entries) {
    if (leaf.leads.to === "voids") positions.add(leaf.leads.position.join());
  }
  return positions;
}

function misnamed(log: Log, index: number): Failed {
  return new Failed("names", `${log.place}/log/entries/${index}/names`);
}
