// Shows what a definition would count while it is being typed.
"use strict";

(() => {
  const panel = document.getElementById("meter-preview");
  const form = document.getElementById("meter_form");
  if (!panel || !form) return;
  const customer = document.getElementById("meter-customer");
  let timer = 0;
  let asked = 0;

  const show = async () => {
    const number = ++asked;
    const said = new URLSearchParams(new FormData(form));
    for (const name of ["csrfmiddlewaretoken", "because", "starts_from"]) said.delete(name);
    said.set("customer", customer.value);
    panel.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`${panel.dataset.url}?${said}`, { cache: "no-store" });
      const text = await answer.text();
      if (number === asked && answer.ok) panel.innerHTML = text;
    } catch {
      // Away for a moment: what is shown stays, and the next change asks again.
    }
    if (number === asked) panel.removeAttribute("aria-busy");
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(show, 350);
  };
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  customer.addEventListener("input", soon);
  show();
})();
