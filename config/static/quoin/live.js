// Keeps the figures of a live page moving: asks every two seconds, rests while nobody looks.
"use strict";
(() => {
  const box = document.getElementById("quoin-live");
  const word = document.getElementById("quoin-live-state");
  if (!box || !word) return;
  const EVERY = 2000;
  let etag = box.dataset.etag;
  let timer = 0;
  let isAsking = false;

  const say = (state, text) => {
    word.dataset.state = state;
    word.textContent = text;
  };
  const figures = () => new Map([...box.querySelectorAll("[data-figure]")].map((one) => [one.dataset.figure, one.textContent]));

  const show = (html) => {
    const before = figures();
    box.innerHTML = html;
    for (const one of box.querySelectorAll("[data-figure]")) {
      const was = before.get(one.dataset.figure);
      if (was !== undefined && was !== one.textContent) one.classList.add("moved");
    }
  };

  const ask = async () => {
    if (isAsking || document.hidden) return;
    isAsking = true;
    try {
      const answer = await fetch(box.dataset.url, { headers: { "If-None-Match": etag }, cache: "no-store" });
      if (answer.redirected || answer.status === 403) {
        say("stopped", "Signed out");
        return;
      }
      if (answer.status === 200) {
        etag = answer.headers.get("ETag") || "";
        show(await answer.text());
      } else if (answer.status !== 304) throw new Error(String(answer.status));
      say("live", "Live");
    } catch {
      say("away", "No answer, trying again");
    } finally {
      isAsking = false;
    }
    if (word.dataset.state !== "stopped" && !document.hidden) timer = window.setTimeout(ask, EVERY);
  };

  document.addEventListener("visibilitychange", () => {
    window.clearTimeout(timer);
    if (word.dataset.state === "stopped") return;
    if (document.hidden) say("paused", "Paused");
    else ask();
  });
  for (const choice of document.querySelectorAll("[data-submits]")) {
    choice.addEventListener("change", () => choice.form.submit());
  }
  timer = window.setTimeout(ask, EVERY);
})();
