// Looks at pages in a real browser and says what is wrong with them. Reads what to look at from the
// file named first: {base, key, chromium, out, pages: [{name, path, keyed, status}], codes}.
// Prints one JSON object; whoever runs this decides what is a failure.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { craft } from "./craft.mjs";
import { wcag } from "./wcag.mjs";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const reader = createRequire(import.meta.url).resolve("jsqr");
const WIDTHS = [320, 390, 1280];

const browser = await chromium.launch({
  executablePath: plan.chromium,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});

const findings = [];
const report = { looks: 0, findings, codes: [], crafted: [] };
const find = (where, what) => findings.push(`${where}: ${what}`);

async function look(page, one, where, { language, scripts, width }) {
  const joint = one.path.includes("?") ? "&" : "?";
  const response = await page.goto(`${plan.base}${one.path}${joint}lang=${language}`, { waitUntil: "load" });
  const wanted = one.status ?? 200;
  if (response.status() !== wanted) find(where, `answered ${response.status()}, not ${wanted}`);
  const layout = await page.evaluate(() => ({
    scroll: document.documentElement.scrollWidth,
    inner: innerWidth,
    lang: document.documentElement.lang,
    h1: document.querySelectorAll("h1").length,
    wide: [...document.querySelectorAll("body *")]
      .filter((e) => !e.closest(".scroll > *, .skip, thead, label, svg *") && e.getBoundingClientRect().right > innerWidth + 1)
      .slice(0, 3)
      .map((e) => e.outerHTML.slice(0, 120)),
  }));
  if (layout.scroll > layout.inner) find(where, `is ${layout.scroll} wide on ${layout.inner}: ${layout.wide}`);
  if (layout.wide.length > 0) find(where, `reaches beyond the right edge: ${layout.wide}`);
  if (!layout.lang.startsWith(language)) find(where, `is in ${layout.lang}`);
  if (layout.h1 !== 1) find(where, `has ${layout.h1} h1`);
  if (scripts && width !== 390) await wcag(page, where, find);
  // Pictures load when they come into view.
  await page.evaluate(() => { for (const e of document.querySelectorAll("img")) e.loading = "eager"; });
  await page.waitForLoadState("load");
  await page.screenshot({ path: `${plan.out}/${one.name}-${language}-${scripts ? "js" : "nojs"}-${width}.png`, fullPage: true });
  report.looks += 1;
}

async function lookAtAll(language, scripts, keyed) {
  const wanted = plan.pages.filter((one) => Boolean(one.keyed) === keyed);
  const context = await browser.newContext({
    javaScriptEnabled: scripts,
    bypassCSP: false,
    colorScheme: (language === "en") === scripts ? "light" : "dark",
    extraHTTPHeaders: keyed ? { authorization: `Bearer ${plan.key}` } : {},
  });
  const page = await context.newPage();
  let where = "";
  page.on("console", (message) => {
    // A browser calls an answer that says so itself an error, too.
    const wanted = where.match(/\((\d+)\)$/)?.[1];
    const told = wanted !== undefined && message.text().includes(`status of ${wanted}`);
    if (message.type() === "error" && !told) find(where, `console: ${message.text()}`);
  });
  page.on("pageerror", (error) => find(where, `script: ${error.message}`));
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(plan.base) && !url.startsWith("data:")) find(where, `asks ${url}`);
  });
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: width === 1280 ? 900 : 740 });
    for (const one of wanted) {
      where = `${one.name} ${language} ${scripts ? "with" : "without"} scripts at ${width}${one.status ? ` (${one.status})` : ""}`;
      try {
        await look(page, one, where, { language, scripts, width });
      } catch (error) {
        find(where, `failed: ${error.message}`);
      }
    }
  }
  await context.close();
}

const ways = ["en", "zh"].flatMap((language) => [true, false].map((scripts) => [language, scripts]));
await Promise.all(ways.map(async ([language, scripts]) => {
  for (const keyed of [true, false]) await lookAtAll(language, scripts, keyed);
}));
report.crafted = await craft(browser, plan, find);

writeFileSync(`${plan.out}/report.json`, JSON.stringify(report, null, 2));

// Codes are read from what the browser painted, by a reader that knows nothing of how they are made.
const context = await browser.newContext({ viewport: { width: 480, height: 480 } });
for (const code of plan.codes) {
  const page = await context.newPage();
  await page.goto(`${plan.base}${code.path}`);
  const png = await page.locator(code.selector).first().screenshot();
  const blank = await context.newPage();
  await blank.addScriptTag({ path: reader });
  const read = await blank.evaluate(async (data) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    const drawing = canvas.getContext("2d");
    drawing.drawImage(image, 0, 0);
    const pixels = drawing.getImageData(0, 0, image.width, image.height);
    return jsQR(pixels.data, pixels.width, pixels.height)?.data ?? null;
  }, png.toString("base64"));
  report.codes.push({ path: code.path, read });
  await blank.close();
  await page.close();
}

await browser.close();
writeFileSync(`${plan.out}/report.json`, JSON.stringify(report, null, 2));
console.log(JSON.stringify(report));
