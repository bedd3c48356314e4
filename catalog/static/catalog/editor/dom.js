/* Small tools: elements, numbers as people type them, and inputs that know which part of the charge they hold. */

import { group } from "./kinds.js";

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name in node && name !== "list") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const icon = (name) => el("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);

export function button(label, symbol, onclick, more = {}) {
  return el("button", { type: "button", class: "rate-icon", title: label, "aria-label": label, onclick, ...more }, icon(symbol));
}

const TIMES = { k: 3, m: 6, b: 9 };

/* `10,000,000`, `10 000 000`, `10M`, `1.5k`, `$2.50`, `2.9 %` as plain digits; anything else as it was typed. */
export function plain(typed) {
  const text = String(typed).trim().replace(/^[^\d.,-]{1,4}\s?(?=[\d.])/, "").replace(/\s?%$/, "");
  const match = /^(-?)((?:\d{1,3}(?:[,\s_]\d{3})+|\d+)?(?:\.\d+)?)\s?([kKmMbB]?)$/.exec(text);
  if (!match || !match[2]) return String(typed).trim();
  let [whole, decimals = ""] = match[2].replace(/[,\s_]/g, "").split(".");
  const places = TIMES[match[3].toLowerCase()] || 0;
  if (places) {
    decimals = decimals.padEnd(places, "0");
    whole += decimals.slice(0, places);
    decimals = decimals.slice(places).replace(/0+$/, "");
  }
  whole = whole.replace(/^0+(?=\d)/, "") || "0";
  return match[1] + whole + (decimals ? `.${decimals}` : "");
}

export const isNumber = (text) => /^-?\d+(\.\d+)?$/.test(text);

/* An input bound to holder[name], found again by its path in the charge. Empty means: left out, or null for `open`. */
export function bound(ctx, holder, name, path, { numeric = false, open = false, onset, ...more } = {}) {
  const write = (raw) => {
    const value = numeric ? plain(raw) : raw.trim();
    if (value === "") {
      if (open) holder[name] = null;
      else delete holder[name];
    } else holder[name] = value;
    ctx.changed();
  };
  const value = holder[name];
  return el("input", {
    type: "text", class: `quoin-input${numeric ? " rate-number" : ""}`, "data-path": path, autocomplete: "off", spellcheck: false,
    inputMode: numeric ? "decimal" : "text", value: value === undefined || value === null ? "" : numeric ? group(value) : value,
    oninput: (event) => write(event.target.value),
    onchange: (event) => {
      if (numeric && isNumber(String(holder[name]))) event.target.value = group(holder[name]);
      onset?.(event);
    },
    onblur: () => { ctx.touched.add(path); ctx.again(); },
    ...more,
  });
}

let serial = 0;

/* A label, its control, what may be said about it, and the place where its error lands. */
export function labelled(label, control, { help, before, after, path } = {}) {
  const input = control.matches?.("input, select") ? control : control.querySelector?.("input, select");
  const id = `rate-field-${(serial += 1)}`;
  if (input) input.id = id;
  const affixed = before || after
    ? el("span", { class: "rate-affixed" }, before && el("span", { class: "rate-affix" }, before), control, after && el("span", { class: "rate-affix" }, after))
    : control;
  return el("div", { class: "quoin-field rate-field" }, el("label", { htmlFor: id }, label), affixed,
    help && el("p", { class: "quoin-muted" }, help), el("p", { class: "quoin-error", "data-error": path, hidden: true, role: "alert" }));
}

/* Rows of cells out of what a spreadsheet put on the clipboard; null if it is a single value. */
export function pasted(event) {
  const copied = event.clipboardData?.getData("text/plain") || "";
  if (!/[\t\n\r]/.test(copied.trim())) return null;
  const rows = copied.replace(/\r\n?/g, "\n").split("\n").filter((line) => line.trim());
  return rows.map((line) => line.split("\t").map((cell) => cell.trim()));
}
