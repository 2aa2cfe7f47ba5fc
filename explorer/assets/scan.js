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

const cannot = (why) => tell("", say("Could not be checked here", "未能在此核验"), why);

function failed(why) {
  tell("failed", say("The check failed", "核验失败"), why + say(
    " Do not rely on this page. Look at another member's node, and tell whoever sold you the thing.",
    "请勿相信此页面。请查看其他成员的节点，并告知售卖者。"));
  box.setAttribute("role", "alert");
  document.querySelector("main").prepend(box);
  for (const said of document.querySelectorAll(".verdict.said")) said.hidden = true;
}

function age(ms) {
  const minutes = Math.round(ms / 60000);
  if (minutes < 1) return say("less than a minute ago", "不到一分钟前");
  if (minutes < 120) return say(`${minutes} minutes ago`, `${minutes} 分钟前`);
  const hours = Math.round(minutes / 60);
  if (hours < 48) return say(`${hours} hours ago`, `${hours} 小时前`);
  return say(`${Math.round(hours / 24)} days ago`, `${Math.round(hours / 24)} 天前`);
}

/** The public sections of the events in the evidence, by eventID; each was proved by its digest. */
function proved(events) {
  const byId = new Map();
  for (const { public: section } of events) {
    if (!section?.text) continue;
    const event = JSON.parse(section.text);
    byId.set(event.eventID, [...(byId.get(event.eventID) ?? []), event]);
  }
  return byId;
}

/** What of the page the evidence does not have; and whether it has something newer. */
function compare(byId) {
  const steps = [...document.querySelectorAll("[data-events]")];
  const shown = new Set();
  let last = -Infinity;
  for (const { dataset } of steps) {
    const ids = dataset.events.split(" ").map(decodeURIComponent);
    ids.forEach((id) => shown.add(id));
    const missing = ids.find((id) => !byId.has(id));
    if (missing) return { differs: missing };
    const same = (event) => event.eventTime === dataset.time
      && (event.bizStep ?? "") === dataset.step && (event.disposition ?? "") === dataset.state;
    if (!byId.get(ids[0]).some(same)) return { differs: ids[0] };
    for (const id of ids) for (const { eventTime } of byId.get(id)) last = Math.max(last, Date.parse(eventTime));
  }
  const all = [...byId.entries()];
  const newer = all.some(([id, events]) => !shown.has(id) && events.some((e) => Date.parse(e.eventTime) > last));
  return { steps: steps.length, newer };
}

async function verify() {
  const { evidence, checker, id, genesis, height } = box.dataset;
  tell("", say("Checking on your phone …", "正在您的手机上核验……"), "");
  let text;
  let check;
  try {
    const [module, answer] = await Promise.all([import(checker), fetch(evidence, { cache: "no-store" })]);
    check = module.check;
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
  box.dataset.code = report.code ?? "";
  if (report.state === "unreadable") {
    return cannot(say(`The evidence cannot be read: ${report.reason}.`, `无法读取证据：${report.reason}。`));
  }
  if (report.state !== "holds") {
    return failed(say(`What the node sent does not hold (${report.code} at ${report.place}).`,
      `节点提供的内容不成立（${report.code}，位于 ${report.place}）。`));
  }
  const { differs, steps, newer } = compare(proved(JSON.parse(text).events ?? []));
  if (differs || (steps > 0 && !report.exists)) {
    box.dataset.code = "page-differs";
    return failed(say("This page tells something else than the record that was proved.",
      "此页面所述与经核验的记录不一致。"));
  }
  const since = Math.max(0, Date.now() - report.blockTime);
  const made = age(since);
  const fresh = say(`Up to block ${report.height}, made ${made}.`, `截至区块 ${report.height}，生成于${made}。`)
    + (since > OLD ? say(" What was recorded since is not shown.", "此后的记录未显示。") : "");
  if (!report.exists) {
    return tell("held", say("Checked on your phone: not on record", "已在您的手机上核验：没有记录"),
      say("No event about this number is recorded. ", "没有任何事件记录此编号。") + fresh);
  }
  if (newer) {
    return cannot(say("The record has something newer than this page: load it again.", "记录中有比此页更新的内容：请重新加载。"));
  }
  const { events, withheldEvents, cuts, from } = report.item;
  const lines = [
    say(`Final: ${report.votes} of ${report.validators} validators signed it.`,
      `已定案：${report.validators} 个验证节点中有 ${report.votes} 个签名。`),
    say(`Unaltered: ${events} events are as they were recorded (${withheldEvents} with parts withheld).`,
      `未被篡改：${events} 个事件与记录时一致（其中 ${withheldEvents} 个含未公开部分）。`),
    from > 0 || cuts.length > 0
      ? say("Complete, but for what is older or further away than the evidence goes.", "在证据所及范围内完整。")
      : say("Complete: no recorded event of this thing is missing.", "完整：没有遗漏任何已记录的事件。"),
    fresh,
    say(`Not checked: whether what was recorded is true. Network ${report.genesisDigest.slice(0, 16)}…`,
      `未核验：所记录内容本身是否属实。网络 ${report.genesisDigest.slice(0, 16)}……`),
  ];
  tell("held", say("Checked on your phone", "已在您的手机上核验"), "", lines);
  document.querySelector(".scan").classList.add("checked");
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
  verify();
  if (document.querySelector("#scan-count")) tellZone().catch(() => {});
}
