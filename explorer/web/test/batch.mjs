// Checks many files with the built checker: one JSON object {"text", "trust"} a line on standard
// input, one line out for each: its code, and where; or that it holds, and what was found.

import { createInterface } from "node:readline";
import { check } from "../../assets/check.js";

if (process.argv.includes("--no-webcrypto")) {
  Object.defineProperty(globalThis, "crypto", { value: undefined });
}

function summary({ height, votes, power, totalPower, exists, recalls, item }) {
  const all = { height, votes, power, totalPower, exists, recalls };
  if (!item) return { ...all, item: null };
  const cuts = item.cuts.map(({ id, reason }) => `${reason} ${id}`).sort();
  const spans = item.spans.map(({ container, range }) => [container, range ?? null]);
  const { told, ...rest } = item;
  return { ...all, told, item: { ...rest, cuts, spans } };
}

const out = [];
for await (const line of createInterface({ input: process.stdin })) {
  const { text, trust } = JSON.parse(line);
  const result = await check(text, trust);
  if (result.state === "holds") out.push(`holds ${JSON.stringify(summary(result))}`);
  else out.push(result.state === "failed" ? `${result.code} ${result.place}` : result.state);
}
process.stdout.write(`${out.join("\n")}\n`);
