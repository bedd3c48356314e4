/* The other tables of a price: cells of a matrix, steps of a capacity, prices by the hour. */

import { bound, button, el, isNumber, pasted, plain } from "./dom.js";

const errorAt = (path) => el("p", { class: "quoin-error", "data-error": path, hidden: true, role: "alert" });
const add = (label, onclick) => el("button", { type: "button", class: "quoin-button", onclick }, label);

/* A row for each cell: its values, and its own price. Simple prices stand in the row, others open below it. */
export function cellsGrid(ctx, node, path, chargeEditor, kindSelect) {
  const width = () => node.by.length;
  const redraw = (focus) => ctx.redraw(focus);
  const fresh = () => ({ values: node.by.map(() => null), charge: { kind: "per_unit", unit_price: "" } });

  const heading = (name, index) => el("th", { scope: "col" }, el("span", { class: "rate-dimension" },
    el("input", {
      type: "text", class: "quoin-input", value: name, "data-path": `${path("by")}[${index}]`, "aria-label": `Property ${index + 1}`, placeholder: "property", spellcheck: false,
      oninput: (event) => { node.by[index] = event.target.value.trim(); ctx.changed(); },
    }),
    button(`Remove ${name || "property"}`, "close", () => {
      node.by.splice(index, 1);
      node.cells.forEach((cell) => cell.values.splice(index, 1));
      redraw();
    }, { disabled: width() === 1 })));

  function paste(event, index, column) {
    const rows = pasted(event);
    if (!rows) return;
    event.preventDefault();
    rows.forEach((cells, offset) => {
      const cell = (node.cells[index + offset] ||= fresh());
      cells.forEach((text, place) => {
        const where = column + place;
        if (where < width()) cell.values[where] = /^(any|\*|)$/i.test(text) ? null : text;
        else if (where === width() && isNumber(plain(text))) cell.charge = { kind: "per_unit", unit_price: plain(text), ...(cell.charge.per && { per: cell.charge.per }) };
        else if (where === width() + 1 && isNumber(plain(text))) cell.charge.per = plain(text);
      });
    });
    redraw(`${path("cells")}[${index + rows.length - 1}].values[0]`);
  }

  function enter(event, index) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    node.cells.splice(index + 1, 0, fresh());
    redraw(`${path("cells")}[${index + 1}].values[0]`);
  }

  function value(cell, index, place) {
    const where = `${path("cells")}[${index}].values[${place}]`;
    const input = bound(ctx, cell.values, place, where, {
      open: true, placeholder: "any", "aria-label": `${node.by[place] || "property"}, cell ${index + 1}`,
      onkeydown: (event) => enter(event, index), onpaste: (event) => paste(event, index, place),
    });
    return el("td", {}, input);
  }

  function priced(holder, key, where, index) {
    const charge = holder[key];
    if (charge.kind !== "per_unit") return [el("td", { colSpan: 2 }, kindSelect(holder, key))];
    return [
      el("td", {}, bound(ctx, charge, "unit_price", `${where}.unit_price`, {
        numeric: true, "aria-label": `Price, ${index === null ? "everything else" : `cell ${index + 1}`}`,
        onkeydown: (event) => index !== null && enter(event, index), onpaste: (event) => index !== null && paste(event, index, width()),
      })),
      el("td", {}, el("span", { class: "rate-cellkind" }, bound(ctx, charge, "per", `${where}.per`, { numeric: true, placeholder: "1", "aria-label": "For every" }), kindSelect(holder, key))),
    ];
  }

  const below = (holder, key, where) => holder[key].kind === "per_unit" ? [] : [
    el("tr", { class: "rate-nested" }, el("td", { colSpan: width() + 3 }, chargeEditor(holder, key, where, { picked: true })))];

  const rows = node.cells.flatMap((cell, index) => {
    const where = `${path("cells")}[${index}].charge`;
    return [
      el("tr", { "data-path": `${path("cells")}[${index}]` }, node.by.map((_, place) => value(cell, index, place)), priced(cell, "charge", where, index),
        el("td", { class: "rate-tools" }, button(`Remove cell ${index + 1}`, "close", () => { node.cells.splice(index, 1); redraw(); }, { disabled: node.cells.length === 1 }))),
      ...below(cell, "charge", where),
    ];
  });
  if (node.default) {
    rows.push(el("tr", {}, el("td", { colSpan: width(), class: "rate-else" }, "everything else"), priced(node, "default", path("default"), null),
      el("td", { class: "rate-tools" }, button("Remove the price of everything else", "close", () => { delete node.default; redraw(); }))), ...below(node, "default", path("default")));
  }
  return el("div", { class: "rate-block", "data-path": path("cells") },
    el("div", { class: "quoin-scroll" }, el("table", { class: "rate-tiers rate-cells" },
      el("thead", {}, el("tr", {}, node.by.map(heading), el("th", { scope: "col", class: "rate-right-aligned" }, "Price ", el("span", { class: "rate-unit" }, ctx.currency)), el("th", { scope: "col" }, "For every"), el("th"))),
      el("tbody", {}, rows))),
    el("div", { class: "rate-under" },
      add("Add a cell", () => { node.cells.push(fresh()); redraw(`${path("cells")}[${node.cells.length - 1}].values[0]`); }),
      add("Add a property", () => { node.by.push(""); node.cells.forEach((cell) => cell.values.push(null)); redraw(`${path("by")}[${width() - 1}]`); }),
      !node.default && add("Price everything else", () => { node.default = { kind: "per_unit", unit_price: "" }; redraw(`${path("default")}.unit_price`); }),
      el("span", { class: "quoin-muted" }, "An empty value means any; the most particular cell wins")),
    errorAt(path("cells")), errorAt(path("by")), errorAt(path("default")));
}

/* A row for each step: how high every unit may peak, and the price of the step. The last one is open. */
export function capacityGrid(ctx, node, path) {
  const units = Object.keys(node.tiers[0]?.limits || { "": null });
  const rename = (old, name) => node.tiers.forEach((tier) => {
    tier.limits = Object.fromEntries(Object.entries(tier.limits).map(([unit, most]) => [unit === old ? name : unit, most]));
  });
  const limits = (tier, index) => units.map((unit) => el("td", {}, bound(ctx, tier.limits, unit, `${path("tiers")}[${index}].limits.${unit}`, {
    numeric: true, open: true, placeholder: "any height", "aria-label": `${unit || "Peak"}, step ${index + 1}`,
  })));
  const rows = node.tiers.map((tier, index) => el("tr", { "data-path": `${path("tiers")}[${index}]` }, limits(tier, index),
    el("td", {}, bound(ctx, tier, "price", `${path("tiers")}[${index}].price`, { numeric: true, "aria-label": `Price, step ${index + 1}` })),
    el("td", { class: "rate-tools" }, button(`Remove step ${index + 1}`, "close", () => { node.tiers.splice(index, 1); ctx.redraw(); }, { disabled: node.tiers.length === 1 }))));
  const heading = (unit) => el("th", { scope: "col" }, "Peak up to ", el("input", {
    type: "text", class: "quoin-input rate-unitname", value: unit, placeholder: "unit", "aria-label": "Unit",
    onchange: (event) => { rename(unit, event.target.value.trim()); ctx.redraw(); },
  }));
  return el("div", { class: "rate-block", "data-path": path("tiers") },
    el("div", { class: "quoin-scroll" }, el("table", { class: "rate-tiers" },
      el("thead", {}, el("tr", {}, units.map(heading), el("th", { scope: "col" }, "Price ", el("span", { class: "rate-unit" }, ctx.currency)), el("th"))), el("tbody", {}, rows))),
    el("div", { class: "rate-under" },
      add("Add a step", () => {
        node.tiers.splice(-1, 0, { limits: Object.fromEntries(units.map((unit) => [unit, null])), price: "" });
        ctx.redraw(`${path("tiers")}[${node.tiers.length - 2}].price`);
      }),
      add("Add a unit", () => {
        if (units.length === 1 && units[0] === "") rename("", "first unit");
        node.tiers.forEach((tier) => (tier.limits[`unit ${units.length + 1}`] = null));
        node.by ||= "unit";
        ctx.redraw();
      }),
      units.length > 1 && add("Remove the last unit", () => { node.tiers.forEach((tier) => delete tier.limits[units.at(-1)]); ctx.redraw(); })),
    (units.length > 1 || node.by) && el("div", { class: "quoin-field rate-field" }, el("label", {}, "The property that names the unit"), bound(ctx, node, "by", path("by"), {})),
    errorAt(path("tiers")), errorAt(path("by")));
}

/* Bands of the day with a price of their own. */
export function hoursGrid(ctx, node, path, chargeEditor) {
  const hours = node.hours || [];
  const hour = (band, name, index, label) => el("label", {}, label, " ", bound(ctx, band, name, `${path("hours")}[${index}].${name}`, {
    numeric: true, class: "quoin-input rate-number rate-hour",
  }));
  return el("div", { class: "rate-block", "data-path": path("hours") },
    hours.map((band, index) => el("fieldset", { class: "rate-inner" },
      el("div", { class: "rate-under" }, hour(band, "from_hour", index, "From hour"), hour(band, "to_hour", index, "to hour"), button(`Remove band ${index + 1}`, "close", () => {
        hours.splice(index, 1);
        if (!hours.length) delete node.hours;
        ctx.redraw();
      })),
      chargeEditor(band, "charge", `${path("hours")}[${index}].charge`))),
    el("div", { class: "rate-under" }, add("Another price at certain hours", () => {
      node.hours = [...hours, { from_hour: "9", to_hour: "17", charge: { kind: "per_unit", unit_price: "" } }];
      ctx.redraw(`${path("hours")}[${hours.length}].from_hour`);
    })),
    errorAt(path("hours")));
}
