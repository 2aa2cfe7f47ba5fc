// The page of a scan on a phone: three honest states, and no green before a check.

const PHONE = { width: 320, height: 740 };

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

export async function scan(browser, plan, find) {
  const path = (language) => `${plan.base}${plan.scan}?lang=${language}`;
  const isEvidence = (url) => url.pathname === "/api/v1/evidence";
  const changed = (change) => async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: change(await answer.text()) });
  };
  const isPage = (url) => url.pathname === new URL(path("en")).pathname;
  const states = [
    { name: "held", state: "held", isGreen: true },
    { name: "no-script", scripts: false, state: undefined },
    { name: "offline", state: "not", route: [isEvidence, (route) => route.abort()] },
    { name: "refused", state: "not", route: [isEvidence, (route) => route.fulfill({ status: 503, body: "{}" })] },
    { name: "no-evidence", state: "not", route: [isEvidence, changed(() => "{}")] },
    // One digit of a digest in the log.
    { name: "altered", state: "failed", route: [isEvidence, changed((text) => text.replace(/("rest":")(.)/, (_, a, digit) => a + (digit === "0" ? "1" : "0")))] },
    { name: "other-network", state: "failed", code: "other-network", route: [isPage, changed((text) => text.replace(/(data-genesis=")(.)/, (_, a, digit) => a + (digit === "0" ? "1" : "0")))] },
    { name: "old", state: "failed", code: "too-old", route: [isPage, changed((text) => text.replace(/data-height="\d+"/, 'data-height="999999999"'))] },
    { name: "other-time", state: "failed", code: "page-differs", route: [isPage, changed((text) => text.replace(/data-time="2026/, 'data-time="2025'))] },
    { name: "made-up", state: "failed", code: "page-differs", route: [isPage, changed((text) => text.replace(/data-events="/, 'data-events="urn%3Amade%3Aup '))] },
    // The page leaves out what was recorded last.
    { name: "left-out", state: "not", route: [isPage, changed((text) => text.replace(/<li data-events="(?![\s\S]*<li data-events=")[\s\S]*?<\/li>/, ""))] },
  ];
  for (const { name, state, code, route, isGreen, scripts = true } of states) {
    for (const language of ["en", "zh"]) {
      const context = await browser.newContext({ viewport: PHONE, javaScriptEnabled: scripts });
      const page = await context.newPage();
      if (route) await page.route(...route);
      await page.goto(path(language), { waitUntil: "load" });
      const where = `scan ${name} in ${language}`;
      const box = page.locator("#check");
      if (scripts) {
        await page.waitForFunction((wanted) => document.querySelector("#check").dataset.state === wanted
          && document.querySelector("[data-why]").textContent !== "…"
          && !/Checking|正在/.test(document.querySelector("[data-word]").textContent), state, { timeout: 20_000 })
          .catch(async () => find(where, `is ${await box.getAttribute("data-state")}: ${await box.innerText()}`));
        if (code && (await box.getAttribute("data-code")) !== code) find(where, `says ${await box.getAttribute("data-code")}`);
        const greens = await green(page);
        if (isGreen ? greens < 3 : greens > 0) find(where, `${greens} things are green`);
        const first = await page.evaluate(() => document.querySelector("main").firstElementChild.id);
        if ((state === "failed") !== (first === "check")) find(where, `the first thing is ${first}`);
      } else {
        const told = await box.innerText();
        if (!/Nothing was checked on your phone|没有在您的手机上核验/.test(told)) find(where, `says ${told}`);
      }
      for (const link of ["a[download]", "a[rel=noreferrer]"]) {
        if ((await box.locator(link).count()) === 0) find(where, `has no ${link}`);
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      if (wide) find(where, "scrolls sideways");
      await page.screenshot({ path: `${plan.out}/scan-${name}-${language}.png`, fullPage: true });
      await context.close();
    }
  }
}
