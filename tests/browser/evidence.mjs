// Checks evidence in a real browser, on pages with and without a secure context. Reads what to
// check from the file named first: {chromium, page, insecure, server, files: [{name, trust}], node}.
// Prints {secure: {...}, insecure: {...}}: what was said of each file, and of the evidence of `node`,
// checked with the checker from there, and what the page can do.
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const browser = await chromium.launch({
  executablePath: plan.chromium,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    // Names that lead here, so that a page can be without a secure context.
    "--host-resolver-rules=MAP *.example 127.0.0.1",
  ],
});

async function checked(url) {
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(url);
  const told = await page.evaluate(async ({ server, files, node }) => {
    const { check } = await import("/check.js");
    const said = {};
    const times = {};
    for (const { name, trust } of files) {
      const file = await (await fetch(`${server}/${name}`)).arrayBuffer();
      const since = performance.now();
      const result = await check(new Uint8Array(file), trust);
      times[name] = Math.round(performance.now() - since);
      said[name] = result.state === "failed" ? `${result.code} ${result.place}` : result.state;
    }
    // Another's node, asked by a page that is not its own: its checker, its evidence, and no more.
    const theirs = await import(`${node.base}${node.checker}`);
    const file = await (await fetch(`${node.base}${node.evidence}`)).text();
    const { state, recalls } = await theirs.check(file, node.trust);
    const closed = await fetch(`${node.base}/api/v1/status`).then(() => false, () => true);
    const seen = { state, recalls: recalls?.map(({ id, names }) => [id, names]), closed };
    return { said, times, node: seen, isSecure: isSecureContext, hasSubtle: Boolean(globalThis.crypto?.subtle) };
  }, plan);
  await page.close();
  return { ...told, errors };
}

const report = { secure: await checked(plan.page), insecure: await checked(plan.insecure) };
await browser.close();
process.stdout.write(JSON.stringify(report));
