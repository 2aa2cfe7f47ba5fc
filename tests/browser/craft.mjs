// What pages must do, not only look like: keyboards, printers, people who dislike motion, things that
// are copied, words that are attacks, slow lines, and the line that tells what is being recorded.
// Each check says what is wrong through `find`, and its name when it has run.

import { scan } from "./scan.mjs";

const PHONE = { width: 390, height: 740 };
const DESK = { width: 1280, height: 900 };
const MM = 96 / 25.4;

async function open(browser, plan, path, { viewport = DESK, language = "en", keyed = false, ...more } = {}) {
  const context = await browser.newContext({
    viewport, ...more, extraHTTPHeaders: keyed ? { authorization: `Bearer ${plan.key}` } : {},
  });
  const page = await context.newPage();
  const joint = path.includes("?") ? "&" : "?";
  await page.goto(`${plan.base}${path}${joint}lang=${language}`, { waitUntil: "load" });
  return { context, page };
}

// Tab reaches everything that can be used, in the order of reading, and shows where it is.
async function keyboard(browser, plan, find) {
  for (const [path, viewport] of [["/", DESK], [plan.item, PHONE], [plan.table, DESK]]) {
    const { context, page } = await open(browser, plan, path, { viewport });
    const where = `keyboard on ${path}`;
    const wanted = await page.evaluate(() => {
      const usable = [...document.querySelectorAll("a[href],button,input:not([type=hidden]),summary,select,[tabindex='0']")]
        .filter((e) => e.checkVisibility());
      usable.forEach((e, at) => { e.dataset.tab = at; });
      return usable.length;
    });
    if (wanted < 6) find(where, `only ${wanted} things can be used`);
    const seen = [];
    for (let press = 0; press < wanted + 2; press += 1) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const e = document.activeElement;
        if (!e || e === document.body) return null;
        const style = getComputedStyle(e);
        const box = e.getBoundingClientRect();
        return {
          tab: Number(e.dataset.tab), html: e.outerHTML.slice(0, 100),
          outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
          shown: box.width > 0 && box.right > 0 && box.bottom > 0 && box.top < innerHeight && box.left < innerWidth,
        };
      });
      if (at === null) break;
      if (!at.outlined) find(where, `focus does not show on ${at.html}`);
      if (!at.shown) find(where, `focus is out of sight on ${at.html}`);
      if (seen.includes(at.tab)) break;
      seen.push(at.tab);
    }
    const expected = [...Array(wanted).keys()];
    const missed = expected.filter((at) => !seen.includes(at));
    if (missed.length > 0) find(where, `Tab does not reach ${missed.length} of ${wanted}: ${missed.slice(0, 5)}`);
    // Where things are moved by style, reading order and order of the keyboard could part.
    if (seen.some((at, place) => place > 0 && at < seen[place - 1])) find(where, `order of Tab: ${seen}`);
    await context.close();
  }
  const { context, page } = await open(browser, plan, plan.item);
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement.className);
  if (first !== "skip") find("skip link", `the first thing is ${first}`);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  const inside = await page.evaluate(() => document.querySelector("main").contains(document.activeElement));
  if (!inside) find("skip link", "the next Tab does not land in the content");
  await page.focus("input[type=search]");
  await page.keyboard.type(plan.search.typed);
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  if (!page.url().startsWith(`${plan.base}${plan.search.path}`)) find("search by Enter", `led to ${page.url()}`);
  await context.close();
}

// On paper there is nothing to press, everything is black on white, and codes are large enough.
async function print(browser, plan, find) {
  const hidden = [".top nav", ".find", ".lang", ".copy", ".live", ".noprint", ".skip"];
  for (const path of ["/", plan.item, plan.table]) {
    const { context, page } = await open(browser, plan, path, { colorScheme: "dark" });
    await page.emulateMedia({ media: "print" });
    const seen = await page.evaluate((selectors) => ({
      left: selectors.filter((s) => [...document.querySelectorAll(s)].some((e) => e.checkVisibility())),
      ink: getComputedStyle(document.body).color,
      paper: getComputedStyle(document.body).backgroundColor,
      wide: document.documentElement.scrollWidth > innerWidth,
    }), hidden);
    if (seen.left.length > 0) find(`print of ${path}`, `shows ${seen.left}`);
    if (seen.ink !== "rgb(0, 0, 0)" || seen.paper !== "rgb(255, 255, 255)") find(`print of ${path}`, `is ${seen.ink} on ${seen.paper}`);
    if (seen.wide) find(`print of ${path}`, "is wider than the paper");
    await page.screenshot({ path: `${plan.out}/print-${path === "/" ? "home" : path.split("/")[1]}.png`, fullPage: true });
    await context.close();
  }
  const { context, page } = await open(browser, plan, `${plan.label}&count=24`);
  // A4 without its margins, in points of 1/96 inch.
  await page.setViewportSize({ width: Math.round(190 * MM), height: Math.round(277 * MM) });
  await page.emulateMedia({ media: "print" });
  const labels = await page.evaluate(() => [...document.querySelectorAll(".label")].map((label) => {
    const code = label.querySelector("svg").getBoundingClientRect();
    const box = label.getBoundingClientRect();
    return {
      code: code.width, square: Math.abs(code.width - code.height) < 1,
      inside: code.left >= box.left && code.right <= box.right,
      whole: getComputedStyle(label).breakInside === "avoid",
      paper: getComputedStyle(label).backgroundColor,
    };
  }));
  if (labels.length !== 24) find("labels", `${labels.length} of 24`);
  for (const label of labels.slice(0, 1).concat(labels.slice(-1))) {
    if (label.code / MM < 15) find("labels", `the code is ${label.code / MM} mm wide`);
    if (!label.square || !label.inside || !label.whole) find("labels", JSON.stringify(label));
  }
  const around = await page.evaluate(() => ["h1", ".top", ".foot", ".links"].filter((s) => document.querySelector(s)?.checkVisibility()));
  if (around.length > 0) find("labels", `the sheet also has ${around}`);
  await page.screenshot({ path: `${plan.out}/print-labels.png`, fullPage: true });
  const pdf = await page.pdf({ format: "A4", margin: { top: "10mm", bottom: "10mm", left: "10mm", right: "10mm" } });
  const sheets = pdf.toString("latin1").match(/\/Type\s*\/Page\b/g)?.length;
  if (!(sheets >= 1 && sheets <= 4)) find("labels", `24 labels take ${sheets} sheets`);
  await context.close();
}

// Who asked for less motion gets none.
async function motion(browser, plan, find) {
  for (const reducedMotion of ["reduce", "no-preference"]) {
    const { context, page } = await open(browser, plan, plan.item, { reducedMotion });
    const moving = await page.evaluate(() => [...document.querySelectorAll("*")].filter((e) => {
      const style = getComputedStyle(e);
      const lasts = (text) => text.split(",").some((part) => parseFloat(part) > 0);
      return lasts(style.transitionDuration) || lasts(style.animationDuration) || style.scrollBehavior === "smooth";
    }).length);
    if (reducedMotion === "reduce" && moving > 0) find("reduced motion", `${moving} things move`);
    // Otherwise this looks at nothing.
    if (reducedMotion !== "reduce" && moving === 0) find("reduced motion", "nothing moves for anybody");
    await context.close();
  }
}

// A long identifier is whole when it is copied.
async function copying(browser, plan, find) {
  for (const language of ["en", "zh"]) {
    const { context, page } = await open(browser, plan, plan.item, { viewport: { width: 320, height: 740 }, language });
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: plan.base });
    const wanted = await page.locator("[data-copy]").first().getAttribute("data-copy");
    await page.locator(".copy").first().click();
    await page.waitForFunction(() => ["Copied", "已复制"].includes(document.querySelector(".copy").textContent));
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    if (copied !== wanted || copied.length < 20) find(`copy in ${language}`, `${copied}, not ${wanted}`);
    await context.close();
  }
}

// What people record stays text: it runs nothing, turns nothing around, and pushes nothing out.
async function attacks(browser, plan, find) {
  for (const one of plan.hostile) {
    for (const viewport of [{ width: 320, height: 740 }, DESK]) {
      const { context, page } = await open(browser, plan, one.path, { viewport, keyed: one.keyed });
      const where = `attack on ${one.path.slice(0, 60)} at ${viewport.width}`;
      page.on("dialog", (dialog) => { find(where, `opened ${dialog.message()}`); dialog.dismiss(); });
      await page.evaluate(() => { for (const e of document.querySelectorAll("details")) e.open = true; });
      const seen = await page.evaluate((attack) => {
        const isBlock = (e) => !["inline", "inline-block", "contents"].includes(getComputedStyle(e).display) || e.tagName === "BDI";
        const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
        const leaks = [];
        let shown = 0;
        while (texts.nextNode()) {
          const node = texts.currentNode;
          if (node.data.includes(attack.slice(0, 20))) shown += 1;
          if (!/[\u202A-\u202E\u2066-\u2069]/.test(node.data)) continue;
          let around = node.parentElement;
          while (!isBlock(around)) around = around.parentElement;
          const alone = around.textContent.trim() === node.data.trim();
          if (around.tagName !== "BDI" && around.tagName !== "PRE" && !alone) leaks.push(around.outerHTML.slice(0, 160));
        }
        return {
          leaks, shown, scroll: document.documentElement.scrollWidth, inner: innerWidth,
          scripts: [...document.scripts].filter((one) => !one.src.startsWith(`${location.origin}/assets/`)).length, strangers: document.querySelectorAll("main img[onerror], main script, main b").length,
        };
      }, plan.attack);
      if (seen.shown === 0) find(where, "is not shown as text");
      if (seen.leaks.length > 0) find(where, `turns what is beside it around: ${seen.leaks[0]}`);
      if (seen.scroll > seen.inner) find(where, `opened, it is ${seen.scroll} wide on ${seen.inner}`);
      if (seen.scripts > 0 || seen.strangers > 0) find(where, `became markup: ${JSON.stringify(seen)}`);
      await page.screenshot({ path: `${plan.out}/opened-${one.name}-${viewport.width}.png`, fullPage: true });
      await context.close();
    }
  }
}

// The first view of a page is one answer, and nothing holds it up.
async function firstView(browser, plan, find) {
  for (const path of [plan.item, plan.biggest, "/"]) {
    const { context, page } = await open(browser, plan, path, { viewport: PHONE });
    const others = await page.evaluate(() => performance.getEntriesByType("resource").map((e) => [e.name, e.renderBlockingStatus]));
    for (const [name, status] of others) {
      if (status !== "non-blocking") find(`first view of ${path}`, `${name} is ${status}`);
    }
    const blocking = await page.evaluate(() => document.querySelectorAll("link[rel=stylesheet],script[src]:not([defer]):not([async]),style:empty").length);
    if (blocking > 0) find(`first view of ${path}`, `${blocking} things hold it up`);
    const eager = await page.evaluate(() => [...document.images].filter((image) => image.loading !== "lazy" || !image.width || !image.height).length);
    if (eager > 0) find(`first view of ${path}`, `${eager} pictures are not lazy, or without a size`);
    await context.close();
  }
  const { context, page } = await open(browser, plan, plan.pictured, { viewport: DESK });
  const response = page.waitForResponse((answer) => answer.url().includes("/api/v1/pictures/"), { timeout: 10_000 });
  await page.evaluate(() => document.querySelector(".product img").scrollIntoView());
  const [answer, shown] = await Promise.all([
    response.catch(() => null),
    page.waitForFunction(() => document.querySelector(".product img").naturalWidth, null, { timeout: 10_000 }).catch(() => null),
  ]);
  const url = await page.evaluate(() => document.querySelector(".product img").src);
  const bytes = (await (await context.request.get(url)).body()).length;
  if (!shown) find("photograph", `is not shown: ${answer?.status()}`);
  if (bytes > 40 * 1024) find("photograph", `has ${bytes} bytes`);
  await context.close();
  return bytes;
}

// What is being recorded shows by itself on a desk; on a phone it waits to be asked for.
async function live(browser, plan, find) {
  let number = 0;
  const record = async () => {
    number += 1;
    const event = { ...plan.event, eventID: `${plan.event.eventID}${number}` };
    const answer = await fetch(`${plan.base}/epcis/v2/events`, {
      method: "POST", headers: { authorization: `Bearer ${plan.key}`, "content-type": "application/json" },
      body: JSON.stringify(event),
    });
    if (answer.status >= 300) find("live line", `an event was answered ${answer.status}: ${await answer.text()}`);
  };
  for (const [viewport, language, word] of [[DESK, "en", "Block"], [PHONE, "zh", "区块"]]) {
    const context = await browser.newContext({ viewport });
    const page = await context.newPage();
    const asked = [];
    page.on("request", (request) => { if (request.url().includes("/live")) asked.push(request.url()); });
    await page.goto(`${plan.base}/?lang=${language}`, { waitUntil: "load" });
    const where = `live line at ${viewport.width}`;
    await record();
    if (viewport === PHONE) {
      await page.waitForTimeout(300);
      if (asked.length > 0) find(where, "is on although nobody asked");
      await page.locator(".live button").click();
    }
    await page.waitForFunction(() => document.querySelector(".live").dataset.state === "open", null, { timeout: 10_000 })
      .catch(() => find(where, "does not open"));
    await record();
    await page.waitForFunction((begin) => document.querySelector(".live").textContent.startsWith(begin), word, { timeout: 20_000 })
      .catch(async () => find(where, `says ${await page.locator(".live").textContent()}`));
    await page.screenshot({ path: `${plan.out}/live-${viewport.width}.png` });
    if (viewport === PHONE) {
      await page.locator(".live button").click();
      if (await page.locator(".live").getAttribute("data-state")) find(where, "cannot be switched off");
    }
    await context.close();
  }
}

// A page with prices asks for a key, shows them once it has one, and no more after signing out. The
// key is typed once; what the browser keeps instead no script can read.
async function session(browser, plan, find) {
  for (const javaScriptEnabled of [true, false]) {
    const where = `session ${javaScriptEnabled ? "with" : "without"} scripts`;
    const context = await browser.newContext({ viewport: PHONE, javaScriptEnabled });
    const page = await context.newPage();
    const priced = async () => (await page.locator("main").innerText()).includes(plan.session.price);
    await page.goto(`${plan.base}${plan.session.path}?lang=en`);
    if (await priced()) find(where, "the price shows before signing in");
    for (const [key, works] of [["wrong", false], [plan.key, true]]) {
      await page.locator("input[name=api_key]").fill(key);
      await Promise.all([page.waitForNavigation(), page.locator("main form button[type=submit]").click()]);
      if (await priced() !== works) find(where, `a ${works ? "good" : "wrong"} key shows ${works ? "no" : "the"} price`);
    }
    if (!page.url().includes(plan.session.path)) find(where, `signing in leads to ${page.url()}`);
    const cookies = await context.cookies();
    if (cookies.some((one) => !one.httpOnly || one.sameSite !== "Strict")) find(where, "a cookie is open to scripts or other sites");
    if (cookies.some((one) => one.value.includes(plan.key))) find(where, "the key itself is kept");
    await Promise.all([page.waitForNavigation(), page.locator("form[action='/sign-out'] button").first().click()]);
    await page.goto(`${plan.base}${plan.session.path}?lang=en`);
    if (await priced()) find(where, "the price shows after signing out");
    await context.close();
  }
}

export async function craft(browser, plan, find) {
  const checks = { keyboard, print, motion, copying, attacks, firstView, live, session, scan };
  const done = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check(browser, plan, find);
      done.push(name);
    } catch (error) {
      find(name, `failed: ${error.message}`);
    }
  }
  return done;
}
