/* The editor of a price: one charge, edited as a form or as JSON, and what it means beside it while one types.
   Nothing is computed here. The server reads the charge, says what is wrong with it, and draws and rates it. */

import { aroundPanel, chain, unwrapped } from "./around.js";
import { chargeEditor, kindPicker } from "./charge.js";
import { complete, given } from "./kinds.js";
import { Trial } from "./trial.js";

const PAUSE = 250;
const form = document.querySelector("[data-rate-editor]");
const find = (name) => form.querySelector(`[data-part="${name}"]`);
const field = form.elements.charge;
const parts = Object.fromEntries(["kinds", "fields", "around", "chain", "preview", "trial", "tried", "form", "json", "summary"].map((name) => [name, find(name)]));

const ctx = { root: null, currency: given.currency, products: given.products, shows: new Set(), touched: new Set(), changed, redraw, again };
const trial = new Trial(parts.trial, given.sample, ask);
let waiting = 0, asked = 0, sent = null, shown = "", wrong = [];

function parsed() {
  try {
    const data = JSON.parse(field.value);
    return data && typeof data === "object" && !Array.isArray(data) ? data : null;
  } catch {
    return null;
  }
}

/* The form changed: the field to post says the same. */
function changed() {
  field.value = JSON.stringify(ctx.root, (name, value) => (value === "" && name !== "unit" && !/^\d+$/.test(name) ? undefined : value), 2);
  parts.chain.replaceChildren(...chain(ctx));
  ask();
}

function redraw(focus) {
  const { core } = unwrapped(ctx);
  parts.kinds.replaceChildren(kindPicker(ctx, core.holder, core.key));
  parts.fields.replaceChildren(chargeEditor(core.view, core.holder, core.key, core.path, { picked: true }));
  parts.around.replaceChildren(aroundPanel(ctx));
  changed();
  if (focus) form.querySelector(`[data-path="${CSS.escape(focus)}"]`)?.focus();
}

/* ---------------------------------------------------------------- asking the server */
function ask() {
  clearTimeout(waiting);
  waiting = setTimeout(preview, PAUSE);
}

async function preview() {
  const mine = (asked += 1);
  sent?.abort();
  sent = new AbortController();
  parts.preview.setAttribute("aria-busy", "true");
  const body = {
    text: field.value, product: given.product || form.elements.product?.value || "", kind: form.elements.new_kind?.value || "", unit: form.elements.new_unit?.value || "",
    cycle_months: form.elements.cycle_months.value, in_advance: form.elements.in_advance.checked, trial: trial.asked,
  };
  try {
    const answer = await fetch(given.preview, {
      method: "POST", signal: sent.signal, credentials: "same-origin", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
    });
    if (!answer.ok) throw new Error(answer.status === 403 ? "You may not edit this draft any more." : `The server answered ${answer.status}.`);
    const said = await answer.json();
    if (mine === asked) show(said);
  } catch (error) {
    if (error.name !== "AbortError" && mine === asked) tell([{ where: "", what: `No preview: ${error.message}` }]);
  } finally {
    if (mine === asked) parts.preview.removeAttribute("aria-busy");
  }
}

function show(said) {
  tell(said.errors);
  if (said.meaning !== undefined) parts.preview.innerHTML = said.meaning;
  if (said.tried !== undefined) parts.tried.innerHTML = said.tried;
  parts.preview.classList.toggle("rate-stale", said.meaning === undefined);
  parts.tried.classList.toggle("rate-stale", !said.tried);
  if (said.shape && trial.take(said.shape, said.examples)) ask();
}

/* Every error next to the field it names; one that names nothing on the page above them all. */
function tell(errors) {
  wrong = errors;
  for (const place of form.querySelectorAll("[data-error]")) place.hidden = true;
  for (const marked of form.querySelectorAll(".rate-wrong")) marked.classList.remove("rate-wrong");
  if (shown === "json" && errors.length) {
    const said = errors.filter(({ where }) => where !== "trial").map(({ where, what }) => (where && where !== "charge" ? `${where}: ${what}` : what));
    if (said.length) write(form.querySelector('[data-error="charge"]'), said.join(" "));
    errors = errors.filter(({ where }) => where === "trial");
  }
  const left = errors.filter(({ where, what }) => !isComing(where, what) && (!where || !place(where, what)));
  parts.summary.hidden = !left.length;
  parts.summary.textContent = left.map(({ where, what }) => (where ? `${where}: ${what}` : what)).join(" ");
}

/* What has simply not been filled in yet is no error before somebody passed by it. */
function isComing(where, what) {
  return what === "is required" && !given.posted && shown === "form" && !ctx.touched.has(where);
}

function again() {
  tell(wrong);
}

function place(where, what) {
  for (let path = where; ; path = path.replace(/(\.[^.[\]]*|\[[^[\]]*\])$/, "")) {
    const spot = form.querySelector(`[data-error="${CSS.escape(path)}"]`);
    const input = form.querySelector(`[data-path="${CSS.escape(path)}"]`);
    if (input?.matches("input, select")) {
      input.classList.add("rate-wrong");
      let beside = spot || input.parentElement.querySelector(":scope > .quoin-error");
      if (!beside) {
        beside = Object.assign(document.createElement("p"), { className: "quoin-error" });
        beside.dataset.error = path;
        beside.setAttribute("role", "alert");
        (input.closest("td") || input.parentElement).append(beside);
      }
      return write(beside, what);
    }
    if (spot) return write(spot, path === where ? what : `${where.slice(path.length).replace(/^\./, "")}: ${what}`);
    if (!/[.[]/.test(path)) return false;
  }
}

function write(spot, what) {
  const begun = /^[\w.[\]]+: /.test(what) ? what : what.charAt(0).toUpperCase() + what.slice(1);
  spot.textContent = begun + (/[.?!]$/.test(what) ? "" : ".");
  spot.hidden = false;
  return true;
}

/* ---------------------------------------------------------------- two ways to see the charge */
function tab(name) {
  if (name === "form") {
    const data = parsed();
    try {
      ctx.root = complete(data);
      redraw();
    } catch {
      return tell([{ where: "", what: "The form cannot show this; put the JSON right first." }]);
    }
  }
  shown = name;
  parts.form.hidden = name !== "form";
  parts.json.hidden = name !== "json";
  for (const each of form.querySelectorAll("[data-tab]")) each.setAttribute("aria-selected", String(each.dataset.tab === name));
  return undefined;
}

for (const each of form.querySelectorAll("[data-tab]")) each.addEventListener("click", () => tab(each.dataset.tab));
field.addEventListener("input", ask);
for (const name of ["product", "new_kind", "new_unit", "cycle_months", "in_advance"]) form.elements[name]?.addEventListener("input", ask);
for (const chip of form.querySelectorAll("[data-months]")) {
  chip.addEventListener("click", () => {
    form.elements.cycle_months.value = chip.dataset.months;
    ask();
  });
}
for (const each of form.querySelectorAll("[data-scripted]")) each.hidden = false;
for (const each of form.querySelectorAll("[data-unscripted]")) each.hidden = true;
tab("form");
if (!shown) tab("json");
ask();

/* ---------------------------------------------------------------- what is sold: only the questions that apply */
function questions() {
  const of = (name) => form.elements[name]?.value || "";
  const facts = { new: !of("product"), usage: of("new_kind") === "usage", unmetered: !of("meter"), property: of("aggregation") !== "count" };
  for (const each of form.querySelectorAll("[data-when]")) each.hidden = !each.dataset.when.split(" ").every((fact) => facts[fact]);
}

let keyIsTheirs = Boolean(form.elements.new_key?.value);
form.elements.new_key?.addEventListener("input", () => (keyIsTheirs = true));
form.elements.new_name?.addEventListener("input", (event) => {
  if (!keyIsTheirs) form.elements.new_key.value = event.target.value.toLowerCase().normalize("NFKD").replace(/[^\w\s-]/g, "").trim().replace(/[\s-]+/g, "-").slice(0, 60);
});
for (const name of ["product", "new_kind", "meter", "aggregation"]) form.elements[name]?.addEventListener("input", questions);
questions();
