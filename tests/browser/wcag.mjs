// What axe finds on a page against WCAG 2.2 AA.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

export async function wcag(page, where, find) {
  await page.evaluate(axe);
  const result = await page.evaluate((tags) => axe.run(document, { runOnly: { type: "tag", values: tags } }), TAGS);
  for (const violation of result.violations) {
    find(where, `axe ${violation.id}: ${violation.nodes.slice(0, 2).map((n) => `${n.html.slice(0, 160)} ${n.any.map((a) => a.message).join(" ")}`)}`);
  }
}
