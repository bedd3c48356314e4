/* One charge as a form: its kind, and the fields of that kind. Charges inside charges are drawn the same way. */

import { bound, button, el, icon, labelled } from "./dom.js";
import { capacityGrid, cellsGrid, hoursGrid } from "./grids.js";
import { AROUND, KINDS, made } from "./kinds.js";
import { tiersTable } from "./tiers.js";

const errorAt = (path) => el("p", { class: "quoin-error", "data-error": path, hidden: true, role: "alert" });

/* The form of holder[key]; `path` is where it stands in the JSON, "" for the whole charge. */
export function chargeEditor(ctx, holder, key, path, { picked = false, isWhole = false } = {}) {
  const node = holder[key];
  const spec = KINDS[node.kind] || AROUND[node.kind];
  const at = (name) => (path ? `${path}.${name}` : name);
  return el("div", { class: "rate-charge", "data-path": path },
    !picked && el("div", { class: "quoin-field rate-field" }, kindSelect(ctx, holder, key)),
    errorAt(at("kind")),
    spec && fieldsOf(ctx, node, spec, at, isWhole),
    AROUND[node.kind] && el("fieldset", { class: "rate-inner" }, el("legend", {}, "Around"), chargeEditor(within(ctx, node), node, "charge", at("charge"))),
    path && errorAt(path));
}

/* Inside a price in a unit, what money is elsewhere are units. */
export function within(ctx, node) {
  return node.kind === "in_unit" ? Object.create(ctx, { currency: { value: node.unit || "units" } }) : ctx;
}

export function kindSelect(ctx, holder, key) {
  const choose = (event) => {
    const kind = event.target.value;
    const before = holder[key];
    holder[key] = AROUND[kind] ? { ...made(kind), charge: before } : made(kind, AROUND[before.kind] ? before.charge : before);
    ctx.redraw();
  };
  const option = ([kind, { label }]) => el("option", { value: kind, selected: holder[key].kind === kind }, label);
  return el("select", { class: "quoin-input rate-kind", "aria-label": "Kind of price", onchange: choose },
    el("optgroup", { label: "Prices" }, Object.entries(KINDS).map(option)),
    el("optgroup", { label: "Around a price" }, Object.entries(AROUND).map(option)));
}

/* The kinds to choose from for the whole price, as buttons that say what they do. */
export function kindPicker(ctx, holder, key) {
  const current = holder[key].kind;
  const pick = (kind) => { holder[key] = made(kind, holder[key]); ctx.redraw(); };
  const line = el("p", { class: "quoin-muted rate-kindline" }, KINDS[current]?.line || "");
  const buttons = Object.entries(KINDS).map(([kind, spec]) => el("button", {
    type: "button", role: "radio", "aria-checked": String(kind === current), class: "rate-pick", title: spec.line, "data-kind": kind, tabIndex: kind === current ? 0 : -1,
    onclick: () => kind !== current && pick(kind),
    onkeydown: (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const all = [...event.target.parentNode.children];
      all.at((all.indexOf(event.target) + step) % all.length).focus();
    },
  }, icon(spec.icon), el("span", {}, spec.label)));
  return el("div", {}, el("div", { class: "rate-picks", role: "radiogroup", "aria-label": "Kind of price" }, buttons), line);
}

/* `isWhole`: it prices one amount as a whole, so what belongs to single transactions is left out unless it is set. */
export function fieldsOf(ctx, node, spec, at, isWhole = false) {
  const simple = [], whole = [];
  for (const field of spec.fields) {
    if (isWhole && node.kind === "percent" && field.name !== "percent" && node[field.name] === undefined) continue;
    const drawn = (DRAW[field.type] || DRAW.text)(ctx, node, field, at);
    (WIDE.includes(field.type) ? whole : simple).push(drawn);
  }
  return [simple.length ? el("div", { class: "rate-fields" }, simple) : null, ...whole];
}

const WIDE = ["tiers", "cells", "capacity", "charge", "charges", "products", "hours", "flag"];

const line = (affixes, numeric = true) => (ctx, node, field, at) => {
  const path = at(field.name);
  return labelled(field.label, bound(ctx, node, field.name, path, { numeric, placeholder: field.empty || "" }),
    { help: field.help, path, ...affixes(ctx, field) });
};

const DRAW = {
  money: line((ctx) => ({ before: ctx.currency })),
  percent: line(() => ({ after: "%" })),
  number: line((ctx, field) => ({ after: field.after })),
  text: line(() => ({}), false),
  names(ctx, node, field, at) {
    const path = at(field.name);
    const input = el("input", {
      type: "text", class: "quoin-input", "data-path": path, placeholder: field.empty || "", value: (node[field.name] || []).join(", "), spellcheck: false,
      oninput: (event) => { node[field.name] = event.target.value.split(",").map((name) => name.trim()).filter(Boolean); ctx.changed(); },
    });
    return labelled(field.label, input, { help: field.help, path });
  },
  choice(ctx, node, field, at) {
    const path = at(field.name);
    const select = el("select", { class: "quoin-input", "data-path": path, onchange: (event) => {
      if (event.target.value === field.options[0][0] && !field.always) delete node[field.name];
      else node[field.name] = event.target.value;
      ctx.changed();
    } }, field.options.map(([value, label]) => el("option", { value, selected: (node[field.name] ?? field.options[0][0]) === value }, label)));
    return labelled(field.label, select, { help: field.help, path });
  },
  flag(ctx, node, field, at) {
    const path = at(field.name);
    return el("div", { class: "rate-flag" }, el("label", {}, el("input", {
      type: "checkbox", class: "rate-check", "data-path": path, checked: node[field.name] ?? Boolean(field.initial),
      onchange: (event) => {
        if (event.target.checked === Boolean(field.initial)) delete node[field.name];
        else node[field.name] = event.target.checked;
        ctx.changed();
      },
    }), field.label), errorAt(path));
  },
  tiers: (ctx, node, field, at) => tiersTable(ctx, node, field, at(field.name)),
  capacity: (ctx, node, field, at) => capacityGrid(ctx, node, at),
  cells: (ctx, node, field, at) => cellsGrid(ctx, node, at,
    (holder, key, path, more) => chargeEditor(ctx, holder, key, path, more), (holder, key) => kindSelect(ctx, holder, key)),
  hours: (ctx, node, field, at) => hoursGrid(ctx, node, at, (holder, key, path) => chargeEditor(ctx, holder, key, path)),
  charge: (ctx, node, field, at) => el("fieldset", { class: "rate-inner" }, el("legend", {}, field.label), chargeEditor(ctx, node, field.name, at(field.name), { isWhole: field.isWhole })),
  charges(ctx, node, field, at) {
    const list = node[field.name];
    return el("div", { class: "rate-block", "data-path": at(field.name) },
      list.map((_, index) => el("fieldset", { class: "rate-inner" },
        el("legend", {}, `Price ${index + 1} `, button(`Remove price ${index + 1}`, "close", () => { list.splice(index, 1); ctx.redraw(); }, { disabled: list.length === 1 })),
        chargeEditor(ctx, list, index, `${at(field.name)}[${index}]`))),
      el("div", { class: "rate-under" }, el("button", { type: "button", class: "quoin-button", onclick: () => { list.push({ kind: "per_unit", unit_price: "" }); ctx.redraw(); } }, "Add a price")),
      errorAt(at(field.name)));
  },
  products(ctx, node, field, at) {
    const chosen = new Set(node[field.name] || []);
    const put = (key, on) => {
      if (on) chosen.add(key);
      else chosen.delete(key);
      if (chosen.size) node[field.name] = [...chosen];
      else delete node[field.name];
      ctx.changed();
    };
    const unknown = [...chosen].filter((key) => !ctx.products.some((product) => product.key === key)).map((key) => ({ key, name: key }));
    return el("fieldset", { class: "rate-inner", "data-path": at(field.name) }, el("legend", {}, field.label),
      el("p", { class: "quoin-muted" }, "None chosen: all other lines."),
      el("div", { class: "rate-products" }, [...ctx.products, ...unknown].map((product) => el("label", {}, el("input", {
        type: "checkbox", class: "rate-check", checked: chosen.has(product.key), onchange: (event) => put(product.key, event.target.checked),
      }), product.name))), errorAt(at(field.name)));
  },
};
