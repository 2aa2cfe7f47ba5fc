// Has the history of the page checked on this phone, and compares the page with what was proved.
// Three states: checked, could not be checked (and why), failed. Without this script the page says
// that nothing was checked.
const box = document.querySelector("#check");
const chinese = document.documentElement.lang.startsWith("zh");
const say = (en, zh) => (chinese ? zh : en);

/** An idle network makes a block every 15 seconds: one that is an hour old is old. */
const OLD = 3_600_000;

function tell(state, word, why, shown = []) {
  box.classList.remove("held", "failed");
  if (state) box.classList.add(state);
  box.dataset.state = state || "not";
  box.querySelector("[data-word]").textContent = word;
  box.querySelector("[data-why]").textContent = why;
  box.querySelector("[data-shown]").replaceChildren(...shown.map((text) => {
    const line = document.createElement("li");
    line.textContent = text;
    return line;
  }));
}

const cannot = (why, shown) => tell("", say("Could not be checked here", "未能在此核验"), why, shown);

/** What must be seen before anything else: what was calm is gone. */
function loud() {
  box.setAttribute("role", "alert");
  document.querySelector("main").prepend(box);
  for (const said of document.querySelectorAll(".verdict.said")) said.hidden = true;
}

function failed(code, why, shown) {
  box.dataset.code = code;
  tell("failed", say("The check failed", "核验失败"), why + say(
    " Do not rely on this page. Look at another member's node, and tell whoever sold you the thing.",
    "请勿相信此页面。请查看其他成员的节点，并告知售卖者。"), shown);
  loud();
}

/** Says below the verdict what of it was checked. */
function confirm(what) {
  for (const line of document.querySelectorAll("[data-said]")) line.textContent = what;
}

/** As the pages say it: minutes below two hours, hours below two days, else days. */
function age(ms) {
  const minutes = Math.floor(ms / 60000);
  if (minutes < 1) return say("less than a minute ago", "不到 1 分钟前");
  if (minutes < 120) return say(`${minutes} minute${minutes > 1 ? "s" : ""} ago`, `${minutes} 分钟前`);
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return say(`${hours} hours ago`, `${hours} 小时前`);
  return say(`${Math.floor(hours / 24)} days ago`, `${Math.floor(hours / 24)} 天前`);
}

/** A text of the record in the language of the page, else in English, else in any. */
function said(texts) {
  const of = (tag) => Object.entries(texts).find(([name]) => name.split("-")[0] === tag)?.[1];
  return of(say("en", "zh")) ?? of("en") ?? Object.values(texts)[0] ?? "";
}

/** The public sections of the events in the evidence, each proved by its digest, with what is told of it. */
function proved(events, told) {
  return events.map(({ public: section }, at) => ({ ...section?.text ? JSON.parse(section.text) : {}, ...told[at], at }))
    .filter(({ eventID }) => eventID);
}

/** Which stands later in the story: above zero the first. */
function later(one, other) {
  const at = one.findIndex((value, i) => value !== other[i]);
  return at < 0 ? 0 : one[at] - other[at];
}

/** A row of readings is told as one step. */
const isReading = ({ bizStep = "", errorDeclaration }) => /(^|[-:])sensor_reporting$/.test(bizStep) && !errorDeclaration;

/**
 * Whether the page tells something else than the evidence; how many of its steps are further back
 * than the evidence goes; how many proved events of the thing it does not tell; and whether one of
 * these is newer than all that it tells. What the page says of itself, such as that it is a part of
 * a longer story, is not believed.
 */
function compare(events, isCut) {
  const own = events.filter(({ level }) => level === 0);
  const told = new Set();
  const isWrong = ({ eventID, errorDeclaration, recorder, at }) => !errorDeclaration && own.some((other) =>
    other.errorDeclaration && other.eventID === eventID && other.recorder === recorder && other.at > at);
  let last;
  let beyond = 0;
  let newer = false;
  for (const step of document.querySelectorAll("[data-events]")) {
    const { events: list, time, by, step: doing, state, corrects } = step.dataset;
    const ids = list.split(" ").map(decodeURIComponent);
    const isStruck = step.classList.contains("wrong");
    let first;
    for (const id of ids) {
      // Each is told once; an error declaration has the eventID of what it declares wrong.
      const event = own.find((one) => one.eventID === id && !told.has(one)
        && Boolean(one.errorDeclaration) === (corrects !== undefined)
        && (first
          ? one.recorder === by && isReading(one) && isReading(first) && !isWrong(one)
          : one.eventTime === time && one.recorder === by && (one.bizStep ?? "") === doing && (one.disposition ?? "") === state));
      if (!event) {
        if (!isCut || events.some(({ eventID }) => eventID === id)) return { differs: true };
        beyond += 1;
        break;
      }
      const isBefore = last && later(event.mark, last.mark) < 0;
      if (isBefore && Date.parse(event.eventTime) < Date.parse(last.eventTime)) return { differs: true };
      if (isStruck && !isWrong(event)) return { differs: true };
      if (!isStruck && isWrong(event)) newer = true;
      if (!isBefore) last = event;
      first ??= event;
      told.add(event);
    }
  }
  const untold = own.filter((event) => !told.has(event));
  newer ||= untold.some(({ mark }) => !last || later(mark, last.mark) > 0);
  return { beyond, untold: untold.length, newer };
}

/** The numbers of a thing in the path of a GS1 Digital Link. */
function numbers(path) {
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  const found = Object.fromEntries(parts.flatMap((ai, at) => /^(00|01|10|21)$/.test(ai) && at % 2 === 0 ? [[ai, parts[at + 1]]] : []));
  if (found["01"]) found["01"] = found["01"].padStart(14, "0");
  // With a number of its own its lot says nothing more.
  if (found["21"]) delete found["10"];
  return found;
}

/** Whether the address that was opened names another thing than the page is about. */
function isAnother(id) {
  if (!/^https?:$/.test(location.protocol)) return false;
  const opened = numbers(location.pathname);
  const about = numbers(new URL(id).pathname);
  return Object.keys(opened).some((ai) => opened[ai] !== about[ai]);
}

/** A recall in words: from whom, why, what to do, whom to ask. */
const notice = ({ id, reason, whatToDo, contact }) => say(
  `Recall ${id}: ${said(reason)} What to do: ${said(whatToDo)} Contact: ${contact}`,
  `召回 ${id}：${said(reason)}处理办法：${said(whatToDo)}联系方式：${contact}`);

/** The recalls that a page shows in full; of more it says how many there are. */
const MOST_NOTICES = 10;

/** The product that a thing is one of (docs/evidence.md, "Recalls"). */
const PRODUCT = /^https:\/\/id\.gs1\.org\/(?:01\/\d{14}(?=\/)|8006\/\d{18}(?=\/)|8003\/\d{14})/;

/**
 * Compares the recalls that were proved with those on the page. Tells what is wrong and gives false,
 * or gives a line about them.
 */
function recalls({ recalls: open, exists }) {
  const { id: thing, at } = box.dataset;
  const notices = [...document.querySelectorAll("main [data-recall]")].filter((one) => one.checkVisibility?.() !== false);
  const shown = new Set(notices.map((one) => one.dataset.recall));
  const missing = open.filter(({ id }) => !shown.has(id));
  const unproved = [...shown].filter((id) => !open.some((one) => one.id === id)).length;
  // A page has so many and says that there are more.
  const hidden = shown.size - unproved < MOST_NOTICES ? missing : [];
  if (hidden.length > 0) {
    const lines = hidden.map(notice);
    const isNewer = hidden.every(({ declaredAt }) => declaredAt > Number(at));
    const own = [thing, thing.match(PRODUCT)?.[0]];
    const namesIt = hidden.some(({ names }) => names.some((name) => own.includes(name)));
    if (namesIt && !isNewer) {
      failed("recall-hidden", say("It is recalled, and this page does not say so.", "该物品已被召回，而此页面没有说明。"), lines);
      return false;
    }
    box.dataset.code = isNewer ? "recall-newer" : "recall-near";
    if (isNewer) {
      tell("", say("A recall is newer than this page", "有比此页更新的召回"), say("Load this page again.", "请重新加载此页。"), lines);
    } else {
      tell("", say("A recall that this page does not show", "此页面未显示的召回"),
        say("It names something that this was packed in or made of. Ask whoever sold it to you.",
          "该召回涉及其包装或原料。请咨询售卖者。"), lines);
    }
    box.classList.add("recalled");
    loud();
    return false;
  }
  if (unproved > 0) {
    return say("Not checked: why each recall above concerns it.", "未核验：上述各召回为何涉及该物品。");
  }
  if (missing.length > 0) {
    return say(`Recalls: those above are on record and open, and ${missing.length} more.`,
      `召回：上述召回均有记录且仍有效，另有 ${missing.length} 项。`);
  }
  if (shown.size > 0) {
    return say("Recalls: those above are on record and open.", "召回：上述召回均有记录且仍有效。");
  }
  return exists
    ? say("Recalls: no open one names it, its product, what it was packed in or what it was made of.",
      "召回：没有有效的召回涉及该物品、其产品、包装或原料。")
    : say("Recalls: no open one names it or its product.", "召回：没有有效的召回涉及该物品或其产品。");
}

async function verify(evidence) {
  const { checker, id, genesis, height } = box.dataset;
  // Too much went into it: then its own history alone.
  const alone = evidence.replace(/&inputs=\d+/, "");
  tell("", say("Checking on your phone …", "正在您的手机上核验……"), "");
  const ask = (url) => fetch(url, { cache: "no-store" });
  let text;
  let check;
  try {
    const [module, first] = await Promise.all([import(checker), ask(evidence)]);
    check = module.check;
    const answer = first.status === 413 ? await ask(alone) : first;
    if (!answer.ok) {
      return cannot(say(`The node gave no evidence (${answer.status}): load the page again in a moment.`,
        `节点没有提供证据（${answer.status}）：请稍后重新加载。`));
    }
    text = await answer.text();
  } catch {
    return cannot(say("The evidence did not arrive. Are you online?", "未能获取证据。请检查网络连接。"));
  }
  let report;
  try {
    report = await check(text, { genesis, item: id, leastHeight: Number(height) });
  } catch {
    return cannot(say("This browser cannot run the check. Download the evidence and check it elsewhere.",
      "此浏览器无法运行核验。请下载证据，在其他设备上核验。"));
  }
  if (report.state === "unreadable") {
    return cannot(say(`The evidence cannot be read: ${report.reason}.`, `无法读取证据：${report.reason}。`));
  }
  if (report.state !== "holds") {
    return failed(report.code, say(`What the node sent does not hold (${report.code} at ${report.place}).`,
      `节点提供的内容不成立（${report.code}，位于 ${report.place}）。`));
  }
  const { events: files = [] } = JSON.parse(text);
  const { told = [], cuts = [], from = 0, events = 0, withheldEvents = 0 } = report.item ?? {};
  const isKeptBack = ({ public: section }, at) => !section.text && told[at]?.level === 0;
  const keptBack = files.filter(isKeptBack).length;
  if (keptBack > 0 && alone !== evidence) return verify(alone);
  if (keptBack > 0) {
    return cannot(say(`Events of which the file does not have what everybody may see: ${keptBack}.`,
      `文件中缺少公开内容的事件数：${keptBack}。`));
  }
  if (isAnother(id)) {
    return failed("other-thing", say(`This page is about ${id}, which is not what was opened.`,
      `此页面内容为 ${id}，与所打开的物品不符。`));
  }
  const isCut = cuts.some(({ reason }) => reason !== "inputs" && reason !== "joined");
  const { differs, beyond, untold, newer } = compare(proved(files, told), isCut);
  if (differs || (!report.exists && document.querySelector("[data-events]"))) {
    return failed("page-differs", say("This page tells something else than the record that was proved.",
      "此页面所述与经核验的记录不一致。"));
  }
  const recalled = recalls(report);
  if (recalled === false) return undefined;
  const since = Math.max(0, Date.now() - report.blockTime);
  const made = age(since);
  const fresh = say(`Up to block ${report.height}, made ${made}.`, `截至区块 ${report.height}，生成于${made}。`)
    + (since > OLD ? say(" What was recorded since is not shown.", "此后的记录未显示。") : "");
  if (!report.exists) {
    confirm(say("That was checked on your phone.", "已在您的手机上核验。"));
    return tell("held", say("Checked on your phone: not on record", "已在您的手机上核验：没有记录"),
      say("No event about this number is recorded.", "没有任何事件记录此编号。"), [recalled, fresh]);
  }
  const asked = new URLSearchParams(location.search);
  const isWhole = asked.get("view") === "full" || !document.querySelector(".scan");
  // Whoever asked for an earlier part of a long story has it; and of a story that is too long for
  // a page and for the evidence the page has its own choice.
  const isPart = isWhole && untold > 0 && (!newer || asked.has("story") || isCut);
  if (newer && !isPart) {
    return cannot(say("The record has something newer than this page: load it again.", "记录中有比此页更新的内容：请重新加载。"));
  }
  if (beyond > 0) {
    return cannot(say(`Steps of this page that are further back than the evidence goes: ${beyond}. The others are as they were recorded.`,
      `此页中超出证据范围的步骤数：${beyond}。其余步骤与记录一致。`), [recalled, fresh]);
  }
  const lines = [
    say(`Checked: ${id}`, `核验对象：${id}`),
    say(`Final: ${report.votes} of ${report.validators} validators signed it.`,
      `已定案：${report.validators} 个验证节点中有 ${report.votes} 个签名。`),
    say(`Unaltered: ${events} events are as they were recorded (of ${withheldEvents} parts are not shown), and the steps here are among them.`,
      `未被篡改：${events} 个事件与记录时一致（其中 ${withheldEvents} 个有未显示的部分），此页的步骤均在其中。`),
    from > 0 || cuts.length > 0
      ? say("Complete, but for what is older or further away than the evidence goes.", "在证据所及范围内完整。")
      : say("Complete: no recorded event of this thing is missing from the evidence.", "完整：证据没有遗漏该物品的任何已记录事件。"),
    ...untold > 0
      ? [say(`Recorded events of it that this page does not tell: ${untold}.`, `此页未列出的该物品已记录事件数：${untold}。`)]
      : [],
    recalled,
    fresh,
    say("Not checked: whether what was recorded is true, whether something does not add up, and the words, names and pictures that the page puts to the steps. For these, it is the node's word.",
      "未核验：所记录内容本身是否属实、是否存在不符之处，以及此页为各步骤配上的文字、名称和图片。这些由本节点提供。"),
  ];
  if (isPart) {
    box.dataset.code = "part";
    tell("", say("Checked on your phone in part", "已在您的手机上核验一部分"), say("It has more steps than these.", "此外还有其他步骤。"), lines);
    return confirm(say("Its recalls and the steps below were checked on your phone.",
      "其召回和以下步骤已在您的手机上核验。"));
  }
  tell("held", say("Checked on your phone", "已在您的手机上核验"), "", lines);
  document.querySelector(".told").classList.add("checked");
  confirm(say("Its steps and recalls were checked on your phone.", "其经历和召回已在您的手机上核验。"));
  return undefined;
}

// All that is said of where the phone is: how far its clock is ahead of UTC.
async function tellZone() {
  const { id } = box.dataset;
  const answer = await fetch("/api/v1/scans", {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ id, utcOffsetMinutes: -new Date().getTimezoneOffset() }),
  });
  const { warning } = await answer.json();
  if (!warning || document.querySelector("#scan-warning")) return;
  const note = document.createElement("p");
  note.id = "scan-warning";
  note.className = "note";
  note.textContent = say(warning.en, warning.zh);
  box.after(note);
}

if (box) {
  verify(box.querySelector("a[download]").href).catch(() => cannot(
    say("This page could not be compared with the record.", "无法将此页面与记录进行比对。")));
  // A page that is kept is no scan.
  if (document.querySelector("#scan-count") && !document.querySelector("base")) tellZone().catch(() => {});
}
