// The price page works without this. With it the estimate follows what is typed, and a frame learns how tall it must be.
"use strict";
(() => {
  const form = document.querySelector("form[data-estimate]");
  const result = form.querySelector("[data-result]");
  const set = (name, text) => { result.querySelector(name).textContent = text; };
  let asked = 0, timer;

  const cell = (text, className = "") => {
    const td = document.createElement("td");
    td.textContent = text;
    td.className = className;
    return td;
  };

  const show = (found) => {
    set("[data-monthly]", found.monthly.text);
    set("[data-once] span", found.once.text);
    result.querySelector("[data-once]").hidden = !found.has_once;
    result.querySelector("[data-lines]").replaceChildren(...found.lines.map((line) => {
      const row = document.createElement("tr");
      row.title = line.workings.join("\n");
      row.append(cell(line.name), cell(line.text, "figure"));
      return row;
    }));
    result.hidden = found.lines.length === 0;
  };

  const mark = (wrong) => form.querySelectorAll("[data-error]").forEach((words) => {
    const isWrong = words.dataset.error in wrong;
    words.hidden = !isWrong;
    form.elements[words.dataset.error].setAttribute("aria-invalid", String(isWrong));
  });

  const ask = async () => {
    const number = ++asked;
    result.toggleAttribute("data-waiting", true);
    try {
      const answer = await fetch(`${form.dataset.estimate}?${new URLSearchParams(new FormData(form))}`);
      const found = await answer.json();
      if (number !== asked) return;
      mark(answer.status === 400 ? found : {});
      if (answer.ok) show(found);
      else result.hidden = true;
    } finally {
      if (number === asked) result.toggleAttribute("data-waiting", false);
    }
  };

  form.querySelector("[data-without-script]").hidden = true;
  form.addEventListener("submit", (event) => { event.preventDefault(); ask(); });
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 150); });
  ask();

  if (window.parent !== window) {
    const tell = () => window.parent.postMessage({ quoinHeight: document.documentElement.offsetHeight }, "*");
    new ResizeObserver(tell).observe(document.documentElement);
    tell();
  }
})();
