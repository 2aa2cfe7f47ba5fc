// The page of a scan on a phone and at a desk: three honest states, no green before a check, recalls
// above all, another member's node one tap away, and a page that can be kept. Pictures of every state
// are kept as scan-STATE-LANGUAGE-WIDTH.png.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { wcag } from "./wcag.mjs";

const SIZES = [{ width: 320, height: 740 }, { width: 1280, height: 900 }];
const PATIENCE = 20_000;

async function green(page) {
  return page.evaluate(() => [...document.querySelectorAll("main .said, main .fine, .check h2, .story li")].filter((e) => {
    const probe = document.createElement("i");
    probe.style.color = "var(--fine)";
    document.body.append(probe);
    const fine = getComputedStyle(probe).color;
    probe.remove();
    const dot = getComputedStyle(e, "::before").backgroundColor;
    return e.checkVisibility() && (getComputedStyle(e).color === fine || (e.tagName === "LI" && dot === fine));
  }).length);
}

/** Waits until the check has come to an end. */
async function checked(page, wanted) {
  await page.waitForFunction((state) => document.querySelector("#check").dataset.state === state
    && !/Checking|正在/.test(document.querySelector("[data-word]").textContent), wanted, { timeout: PATIENCE });
}

const isEvidence = (url) => url.pathname === "/api/v1/evidence";
const isPage = (path) => (url) => url.pathname === path.split("?")[0];
const changed = (change) => async (route) => {
  const answer = await route.fetch();
  await route.fulfill({ response: answer, body: change(await answer.text()) });
};
/** Another digit in the first place that this finds. */
const digit = (where) => changed((text) => text.replace(where, (_, before, old) => before + (old === "0" ? "1" : "0")));
/** A page that says nothing of its recalls. */
const quiet = (text) => text.replace(/<section class="verdict finding stop" data-recall[\s\S]*?<\/section>/g, "");

/** A page without the step that was recorded last. */
const stale = (text) => text.replace(/<li data-events="(?![\s\S]*<li data-events=")[\s\S]*?(?=<\/ol>)/, "");
/** A page without its second step. */
const holed = (text) => text.replace(/(<li data-events=[\s\S]*?)<li data-events=[\s\S]*?(?=<li data-events=)/, "$1");
/** A page whose first step takes the second one's event with it. */
const merged = (text) => {
  const [first, second] = [...text.matchAll(/<li data-events="([^"]*)"/g)].map(([, ids]) => ids);
  return holed(text).replace(`data-events="${first}"`, `data-events="${first} ${second}"`);
};
/** A page with its first two steps changed. */
const steps = (change) => (text) => text.replace(/(<li data-events=[\s\S]*?<\/li>)([\s\S]*?)(<li data-events=[\s\S]*?<\/li>)/,
  (_, one, between, other) => change(one, between, other));
/** The page of one thing, shown as that of another. */
const instead = (base, path) => async (route) => route.fulfill({ response: await route.fetch({ url: `${base}${path}?lang=en` }) });
/** A page that says what the words say of itself. */
const saying = (html) => (text) => text.replace("</main>", `${html}</main>`);

/** Evidence in which what everybody may see of the newest event is but a digest. */
function keptBack(text) {
  const evidence = JSON.parse(text);
  const newest = evidence.events.at(-1);
  const { salt, text: section } = newest.public;
  const name = "public";
  const tag = "tracehold/1/event-section";
  const bytes = [Buffer.of(tag.length), tag, Buffer.of(name.length), name, Buffer.from(salt, "hex"), section];
  const hash = createHash("sha256");
  for (const part of bytes) hash.update(part);
  newest.public = { leaf: hash.digest("hex") };
  return JSON.stringify(evidence);
}

/** What a page is made to be, and what it must say of itself. */
function states({ base, scan, pictured, recalled, made, serial, scans, vaccine, corrected }) {
  const evidence = (change) => [isEvidence, change];
  const of = (path, change) => [isPage(path), change];
  return [
    { name: "checked", state: "held", isGreen: true, says: /Matches the maker's record[\s\S]*Checked on your phone|与生产者的记录一致[\s\S]*已在您的手机上核验/ },
    { name: "whole-story", path: `${scan}?view=full`, state: "held", isGreen: true },
    { name: "whole-story-no-script", path: `${scan}?view=full`, scripts: false },
    { name: "no-script", scripts: false },
    { name: "offline", state: "not", route: evidence((route) => route.abort()) },
    { name: "refused", state: "not", route: evidence((route) => route.fulfill({ status: 503, body: "{}" })) },
    { name: "no-evidence", state: "not", route: evidence(changed(() => "{}")) },
    // One digit of a digest in the log.
    { name: "failed", state: "failed", route: evidence(digit(/("rest":")(.)/)) },
    { name: "failed-network", state: "failed", code: "other-network", route: of(scan, digit(/(data-genesis=")(.)/)) },
    { name: "failed-old", state: "failed", code: "too-old",
      route: of(scan, changed((text) => text.replace(/data-height="\d+"/, 'data-height="999999999"'))) },
    { name: "failed-time", state: "failed", code: "page-differs",
      route: of(scan, changed((text) => text.replace(/data-time="2026/, 'data-time="2025'))) },
    { name: "failed-attested", state: "failed", code: "page-differs",
      route: of(scan, changed((text) => text.replace(/data-by="[^"]*"/, 'data-by="member-9"'))) },
    { name: "failed-made-up", state: "failed", code: "page-differs",
      route: of(scan, changed((text) => text.replace(/data-events="/, 'data-events="urn%3Amade%3Aup '))) },
    // The page leaves out what was recorded last, whatever it says of itself.
    { name: "newer", state: "not", route: of(scan, changed(stale)) },
    { name: "newer-in-parts", state: "not",
      route: of(scan, changed((text) => saying('<a href="#" rel="next">Later events</a>')(stale(text)))) },
    // The evidence holds, but what was recorded last is but a digest in it, and not on the page.
    { name: "kept-back", state: "not", says: /does not have what everybody may see: 1\.|缺少公开内容的事件数：1/,
      route: [evidence(changed(keptBack)), of(scan, changed(stale))] },
    { name: "story-with-a-hole", path: `${scan}?view=full`, state: "not", code: "part", isPart: true,
      says: /does not tell: 1\.|未列出的该物品已记录事件数：1/, route: of(scan, changed(holed)) },
    { name: "earlier-part", path: `${scan}?view=full&story=9`, state: "not", code: "part", isPart: true, route: of(scan, changed(stale)) },
    { name: "only-part", path: `${scan}?view=full&story=1`, state: "held", isGreen: true },
    { name: "failed-merged", path: `${scan}?view=full`, state: "failed", code: "page-differs", route: of(scan, changed(merged)) },
    { name: "failed-twice", state: "failed", code: "page-differs", route: of(scan, changed(steps((one, between, other) => one + one + between + other))) },
    { name: "failed-order", state: "failed", code: "page-differs", route: of(scan, changed(steps((one, between, other) => other + between + one))) },
    { name: "failed-struck", state: "failed", code: "page-differs",
      route: of(scan, changed((text) => text.replace(/(<li data-events=[^>]*)>/, '$1 class="wrong">'))) },
    { name: "failed-other-thing", path: serial, state: "failed", code: "other-thing", route: of(serial, instead(base, scan)) },
    { name: "corrected", path: corrected, state: "held" },
    { name: "correction-hidden", path: corrected, state: "not", says: /something newer|更新的内容/,
      route: of(corrected, changed((text) => text.replace(/ class="wrong"/, ""))) },
    // Too large with what it was made of: its own history alone.
    { name: "large", path: pictured, state: "held", isGreen: true,
      route: [(url) => isEvidence(url) && url.searchParams.has("inputs"), (route) => route.fulfill({ status: 413, body: "{}" })] },
    { name: "recalled", path: recalled, state: "held", first: "recall", says: /are on record and open|均有记录且仍有效/ },
    { name: "recalled-input", path: made, state: "held", first: "recall", says: /are on record and open|均有记录且仍有效/ },
    { name: "recall-hidden", path: recalled, state: "failed", code: "recall-hidden", says: /Glass splinters|玻璃碎片/,
      route: of(recalled, changed(quiet)) },
    { name: "recall-hidden-as-more", path: recalled, state: "failed", code: "recall-hidden",
      route: of(recalled, changed((text) => saying("<p data-more-recalls></p>")(quiet(text)))) },
    { name: "recall-hidden-by-others", path: recalled, state: "failed", code: "recall-hidden",
      route: of(recalled, changed((text) => saying("<p data-recall=\"made:up-X\">Recall</p>".repeat(10).replace(/X/g, () => Math.random()))(quiet(text)))) },
    { name: "recall-newer", path: recalled, state: "not", code: "recall-newer", first: "check", says: /Load this page again[\s\S]*Glass splinters|请重新加载[\s\S]*玻璃碎片/,
      route: of(recalled, changed((text) => quiet(text).replace(/data-at="\d+"/, 'data-at="1"'))) },
    { name: "recall-near", path: made, state: "not", code: "recall-near", first: "check", says: /Glass splinters|玻璃碎片/,
      route: of(made, changed(quiet)) },
    { name: "take-care", path: scans.copied, state: "held" },
    { name: "too-warm", path: vaccine, state: "held", isGreen: true },
    { name: "serial-unknown", path: serial, state: "held", says: /not on record|没有记录/ },
    { name: "copy-warning", path: scans.warned, state: "held", isGreen: true },
  ];
}

/** Two phones in two parts of the world, at one code within the hour. */
async function farApart(plan, path) {
  const id = `https://id.gs1.org${path}`;
  for (const [phone, utcOffsetMinutes] of [["one", 60], ["two", -480]]) {
    await fetch(`${plan.base}${path}`, { headers: { "user-agent": `Mozilla/5.0 (${phone})`, accept: "text/html" } });
    await fetch(`${plan.base}/api/v1/scans`, {
      method: "POST", body: JSON.stringify({ id, utcOffsetMinutes }),
      headers: { "user-agent": `Mozilla/5.0 (${phone})`, "content-type": "application/json" },
    });
  }
}

async function look(browser, plan, find, one, language, viewport) {
  const { name, state, code, route, isGreen, isPart, says, first: wanted, scripts = true } = one;
  const path = one.path ?? plan.scan;
  const where = `scan ${name} in ${language} at ${viewport.width}`;
  const context = await browser.newContext({ viewport, javaScriptEnabled: scripts });
  const page = await context.newPage();
  page.on("pageerror", (error) => find(where, `script: ${error.message}`));
  const routes = typeof route?.[0] === "function" ? [route] : route ?? [];
  for (const one of routes) await page.route(...one);
  const joint = path.includes("?") ? "&" : "?";
  await page.goto(`${plan.base}${path}${joint}lang=${language}`, { waitUntil: "load" });
  const box = page.locator("#check");
  if (scripts) {
    await checked(page, state).catch(async () => find(where, `is ${await box.getAttribute("data-state")}: ${await box.innerText()}`));
    if (code && (await box.getAttribute("data-code")) !== code) find(where, `says ${await box.getAttribute("data-code")}`);
    const first = await page.evaluate(() => {
      const { id, dataset } = document.querySelector("main").firstElementChild;
      return id || (dataset.recall ? "recall" : "");
    });
    const expected = wanted ?? (state === "failed" ? "check" : "");
    if (first !== expected) find(where, `the first thing is ${first}, not ${expected}`);
  } else if (!/Nothing was checked on your phone|没有在您的手机上核验/.test(await box.innerText())) {
    find(where, `says ${await box.innerText()}`);
  }
  // What was calm before a check is green after it, and gone when it failed.
  const calm = page.locator(".verdict.said");
  if (path === plan.scan && state === "failed" && await calm.isVisible()) find(where, "still says that all is well");
  if (path === plan.scan && state !== "failed" && !(await calm.isVisible())) find(where, "has no verdict");
  const greens = await green(page);
  if (isGreen && greens < 3) find(where, `${greens} things are green`);
  // The check's own word may be green of a thing to take care with; nothing else is.
  if (!isGreen && greens > 0 && state !== "held") find(where, `${greens} things are green`);
  const words = await page.locator("main").innerText();
  if (isPart && (await page.locator(".told.checked").count()) > 0) find(where, "is green as a whole");
  if (says && !says.test(words)) find(where, `does not say ${says}: ${await box.innerText()}`);
  const unchecked = /Not checked yet|尚未核验。/.test(words);
  if (unchecked && state === "held") find(where, "still says that its verdict is not checked");
  for (const link of ["a[download]", "a[rel=noreferrer]"]) {
    if ((await box.locator(link).count()) === 0) find(where, `has no ${link}`);
  }
  if (!route && !words.includes(await box.getAttribute("data-genesis"))) find(where, "does not name the genesis record");
  if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) find(where, "scrolls sideways");
  if (scripts && viewport === SIZES[0]) await wcag(page, where, find);
  await page.screenshot({ path: `${plan.out}/scan-${name}-${language}-${viewport.width}.png`, fullPage: true });
  await context.close();
}

/** One tap leads to the same thing at another member's node, which is checked there. */
async function elsewhere(browser, plan, find) {
  const context = await browser.newContext({ viewport: SIZES[0] });
  const page = await context.newPage();
  await page.goto(`${plan.base}${plan.scan}?lang=en`, { waitUntil: "load" });
  const genesis = await page.locator("#check").getAttribute("data-genesis");
  const link = page.locator("#check a[rel=noreferrer]").first();
  await Promise.all([page.waitForNavigation(), link.click()]);
  const there = new URL(page.url());
  if (there.origin === plan.base || there.pathname !== plan.scan) find("another node", `leads to ${there}`);
  await checked(page, "held").catch(async () => find("another node", await page.locator("#check").innerText()));
  if ((await page.locator("#check").getAttribute("data-genesis")) !== genesis) find("another node", "is in another network");
  await context.close();
}

/** What is taken along today is checked without any node, and a change in it is found. */
async function kept(browser, plan, find) {
  for (const language of ["en", "zh"]) {
    const where = `kept page in ${language}`;
    const context = await browser.newContext({ viewport: SIZES[0], acceptDownloads: true });
    const page = await context.newPage();
    await page.goto(`${plan.base}${plan.pictured}?lang=${language}`, { waitUntil: "load" });
    const take = async (selector, name) => {
      const [download] = await Promise.all([page.waitForEvent("download"), page.locator(selector).click()]);
      await download.saveAs(`${plan.out}/${name}`);
      return `${plan.out}/${name}`;
    };
    await take("#check a[download]", `evidence-${language}.json`);
    const file = await take("#check a[href*='view=kept']", `kept-${language}.html`);
    await context.setOffline(true);
    const asked = [];
    page.on("request", (request) => { if (!/^(data|file|blob):/.test(request.url())) asked.push(request.url()); });
    page.on("pageerror", (error) => find(where, `script: ${error.message}`));
    page.on("console", (message) => { if (message.type() === "error") find(where, `console: ${message.text()}`); });
    await page.goto(pathToFileURL(file).href, { waitUntil: "load" });
    await checked(page, "held").catch(async () => find(where, await page.locator("#check").innerText()));
    if ((await green(page)) < 3) find(where, "is not green");
    const photograph = await page.evaluate(async () => {
      const image = document.querySelector(".product img");
      image.loading = "eager";
      await image.decode().catch(() => {});
      return image.naturalWidth;
    });
    if (!photograph) find(where, "has no photograph");
    if (asked.length > 0) find(where, `asks ${asked}`);
    await page.screenshot({ path: `${plan.out}/scan-kept-${language}-320.png`, fullPage: true });
    const text = readFileSync(file, "utf8");
    const broken = text.replace(/(%22rest%22:%22)(.)/, (_, before, old) => before + (old === "0" ? "1" : "0"));
    if (broken === text) find(where, "could not be changed");
    writeFileSync(`${plan.out}/broken-${language}.html`, broken);
    await page.goto(pathToFileURL(`${plan.out}/broken-${language}.html`).href, { waitUntil: "load" });
    await checked(page, "failed").catch(async () => find(`changed ${where}`, await page.locator("#check").innerText()));
    await context.close();
  }
}

export async function scan(browser, plan, find) {
  await farApart(plan, plan.scans.warned);
  for (const one of states(plan)) {
    for (const language of ["en", "zh"]) {
      for (const viewport of SIZES) await look(browser, plan, find, one, language, viewport);
    }
  }
  await elsewhere(browser, plan, find);
  await kept(browser, plan, find);
}
