// What pages gain with a script; without it they are complete.
(() => {
  const chinese = document.documentElement.lang.startsWith("zh");
  const say = (en, zh) => (chinese ? zh : en);

  // Long identifiers get a button that copies them. Clipboards need https or this machine.
  if (navigator.clipboard) {
    for (const id of document.querySelectorAll("[data-copy]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = say("Copy", "复制");
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(id.dataset.copy);
          button.textContent = say("Copied", "已复制");
        } catch {
          button.textContent = say("Select it and copy", "请选中后复制");
        }
      });
      id.append(" ", button);
    }
  }

  // A line that says what is being committed. On small screens it waits to be asked for.
  const live = document.querySelector("[data-live]");
  if (live && window.EventSource) {
    const line = document.createElement("span");
    line.setAttribute("role", "status");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    let source = null;
    const rest = () => {
      source?.close();
      source = null;
      delete live.dataset.state;
      line.textContent = "";
      button.textContent = say("Show what is being recorded", "显示正在记录的内容");
    };
    const begin = () => {
      source = new EventSource(live.dataset.live);
      button.textContent = say("Stop", "停止");
      line.textContent = say("Waiting for the next record …", "等待下一条记录……");
      source.onopen = () => { live.dataset.state = "open"; };
      source.onmessage = (message) => { line.textContent = message.data; };
    };
    button.addEventListener("click", () => (source ? rest() : begin()));
    addEventListener("pagehide", rest);
    live.replaceChildren(line, " ", button);
    live.hidden = false;
    rest();
    if (matchMedia("(min-width: 48rem)").matches) begin();
  }
})();
