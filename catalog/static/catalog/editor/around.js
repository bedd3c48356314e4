/* What stands around a price: each can be switched on, and the chain says in which order they act. */

import { fieldsOf, within } from "./charge.js";
import { button, el, icon } from "./dom.js";
import { AROUND, KINDS, ORDER } from "./kinds.js";

/* The wrappers of a charge from the outside in, each with who holds it and where it stands; and the core. */
export function unwrapped(ctx) {
  const layers = [];
  let holder = ctx, key = "root", path = "", view = ctx;
  while (AROUND[holder[key].kind] && holder[key].charge) {
    const node = holder[key];
    layers.push({ node, holder, key, path, view });
    view = within(view, node);
    [holder, key, path] = [node, "charge", path ? `${path}.charge` : "charge"];
  }
  return { layers, core: { holder, key, path, view } };
}

function wrap(ctx, kind) {
  const { layers, core } = unwrapped(ctx);
  const inside = layers.find(({ node }) => ORDER.indexOf(node.kind) > ORDER.indexOf(kind)) || core;
  inside.holder[inside.key] = { kind, ...AROUND[kind].make(), charge: inside.holder[inside.key] };
  const first = AROUND[kind].fields[0].name;
  ctx.redraw(inside.path ? `${inside.path}.${first}` : first);
}

function swap(ctx, outer) {
  const inner = outer.node.charge;
  outer.node.charge = inner.charge;
  inner.charge = outer.node;
  outer.holder[outer.key] = inner;
  ctx.redraw();
}

export function aroundPanel(ctx) {
  const { layers } = unwrapped(ctx);
  const on = new Set(layers.map(({ node }) => node.kind));
  const cards = layers.map((layer, index) => {
    const { node, path } = layer;
    const spec = AROUND[node.kind];
    const at = (name) => (path ? `${path}.${name}` : name);
    return el("div", { class: "rate-layer", "data-path": path },
      el("div", { class: "rate-layer-head" }, icon(spec.icon), el("strong", {}, spec.label),
        el("span", { class: "rate-grow" }),
        index < layers.length - 1 && button(`Apply ${spec.label.toLowerCase()} earlier`, "arrow_downward", () => swap(ctx, layer)),
        button(`Remove ${spec.label.toLowerCase()}`, "close", () => { layer.holder[layer.key] = node.charge; ctx.redraw(); })),
      fieldsOf(layer.view, node, spec, at),
      el("p", { class: "quoin-error", "data-error": at("charge"), hidden: true, role: "alert" }));
  });
  return el("div", {},
    el("div", { class: "rate-chips" }, ORDER.filter((kind) => !on.has(kind)).map((kind) => el("button", {
      type: "button", class: "quoin-button rate-chip", "data-around": kind, onclick: () => wrap(ctx, kind),
    }, icon("add"), AROUND[kind].label))),
    cards);
}

/* Usage → ÷ 1,024, rounded up → first 100 free → Graduated → at least 5 USD → Amount */
export function chain(ctx) {
  const { layers, core } = unwrapped(ctx);
  const node = core.holder[core.key];
  const kind = node.kind;
  const does = kind === "composite" ? node.charge.kind : kind;
  const before = ["converted", "allowance", "per_group", "per_window"];
  const words = (layer) => el("li", {}, AROUND[layer.node.kind].words(layer.node, layer.view.currency));
  const inwards = [...layers].reverse();
  return [
    el("li", { class: "rate-end" }, { flat: "Cycle", composite: "Other lines" }[kind] || "Usage"),
    ...layers.filter(({ node }) => before.includes(node.kind)).map(words),
    el("li", { class: "rate-core" }, (KINDS[does] || AROUND[does])?.label || does),
    ...inwards.filter(({ node }) => !before.includes(node.kind)).map(words),
    el("li", { class: "rate-end" }, "Amount"),
  ];
}
