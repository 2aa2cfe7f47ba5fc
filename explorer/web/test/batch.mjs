// Checks many files with the built checker: one JSON object {"text", "trust"} a line on standard
// input, one line out for each: its code, and where.

import { createInterface } from "node:readline";
import { check } from "../../assets/check.js";

if (process.argv.includes("--no-webcrypto")) {
  Object.defineProperty(globalThis, "crypto", { value: undefined });
}
const out = [];
for await (const line of createInterface({ input: process.stdin })) {
  const { text, trust } = JSON.parse(line);
  const result = await check(text, trust);
  const place = result.state === "failed" ? ` ${result.place}` : "";
  out.push(`${result.state === "failed" ? result.code : result.state}${place}`);
}
process.stdout.write(`${out.join("\n")}\n`);
