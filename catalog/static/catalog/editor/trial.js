/* The try-it box: what may have been used, in the shape that the charge asks for. */

import { button, el, pasted, plain } from "./dom.js";
import { group } from "./kinds.js";

const LABELS = { none: "", quantity: "Quantity", lines: "What those lines come to" };

/* `shape` is what the charge wants: {basis, by, window, each}; rows are kept by shape, so nothing typed is lost. */
export class Trial {
  constructor(box, sample, changed) {
    Object.assign(this, { box, changed, quantity: sample, rows: [], shape: null, begin: "", isTheirs: false });
  }

  /* What to send: one quantity, or parts. */
  get asked() {
    if (!this.isParted) return { quantity: this.quantity };
    return { parts: this.rows.filter((row) => row.quantity !== "").map((row) => ({ ...row, values: this.shape.by.map((_, place) => row.values[place] || null) })) };
  }

  get isParted() {
    return Boolean(this.shape && (this.shape.by.length || this.shape.window || this.shape.each));
  }

  /* Take on the shape of another charge. What somebody typed moves along; what nobody touched follows the examples. */
  take(shape, examples) {
    const isSame = JSON.stringify(shape) === JSON.stringify(this.shape);
    const begin = JSON.stringify(examples);
    if (isSame && (this.isTheirs || begin === this.begin)) return false;
    const before = this.shape?.by || [];
    Object.assign(this, { shape, begin });
    if (!this.isTheirs) {
      this.rows = (examples.length ? examples : [{}]).map((each, index) => ({ quantity: shape.each ? "100" : "1000", values: [...(each.values || [])], at: String(index) }));
    } else if (before.length) {
      for (const row of this.rows) row.values = shape.by.map((name) => row.values[before.indexOf(name)] ?? null);
    }
    this.draw();
    return true;
  }

  draw(focus) {
    const { shape } = this;
    if (shape.basis === "none") return this.box.replaceChildren(el("p", { class: "quoin-muted" }, "It does not depend on a quantity."));
    this.box.replaceChildren(this.isParted ? this.table() : this.single());
    if (focus) this.box.querySelector(`[data-row="${CSS.escape(focus)}"]`)?.focus();
    return undefined;
  }

  single() {
    const input = el("input", {
      type: "text", id: "rate-try", class: "quoin-input rate-number", inputMode: "decimal", value: group(this.quantity), autocomplete: "off",
      oninput: (event) => { this.quantity = plain(event.target.value); this.changed(); },
      onchange: (event) => { event.target.value = group(this.quantity); },
      onkeydown: (event) => { if (event.key === "Enter") event.preventDefault(); },
    });
    return el("div", { class: "quoin-field" }, el("label", { htmlFor: "rate-try" }, LABELS[this.shape.basis]), input);
  }

  table() {
    const { by, window, each } = this.shape;
    const first = window ? [{ at: true, label: { month: "Month", day: "Day", hour: "Hour", minute: "Minute" }[window] }] : [];
    const columns = [...first, ...by.map((name, place) => ({ place, label: name })), { label: each ? "Transaction" : "Quantity" }];
    const cell = (row, index, column) => {
      const [holder, key] = column.at ? [row, "at"] : "place" in column ? [row.values, column.place] : [row, "quantity"];
      const numeric = key === "quantity";
      return el("td", {}, el("input", {
        type: "text", class: `quoin-input${numeric || column.at ? " rate-number" : ""}`, value: numeric ? group(holder[key] ?? "") : holder[key] ?? "", "aria-label": `${column.label}, row ${index + 1}`,
        "data-row": `${index}-${column.label}`, autocomplete: "off", spellcheck: false,
        oninput: (event) => { holder[key] = numeric ? plain(event.target.value) : event.target.value.trim(); this.touch(); },
        onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); this.add(index, columns.at(-1).label); } },
        onpaste: (event) => this.paste(event, index, columns, columns.indexOf(column)),
      }));
    };
    return el("div", {}, el("div", { class: "quoin-scroll" }, el("table", { class: "rate-tiers rate-parts" },
      el("thead", {}, el("tr", {}, columns.map((column) => el("th", { scope: "col", class: "place" in column ? "rate-left-aligned" : "" }, column.label)), el("th"))),
      el("tbody", {}, this.rows.map((row, index) => el("tr", {}, columns.map((column) => cell(row, index, column)),
        el("td", { class: "rate-tools" }, button(`Remove row ${index + 1}`, "close", () => { this.rows.splice(index, 1); this.draw(); this.touch(); }, { disabled: this.rows.length === 1 })))))),
    ), el("div", { class: "rate-under" }, el("button", { type: "button", class: "quoin-button", onclick: () => this.add(this.rows.length - 1, columns.at(-1).label) }, each ? "Add a transaction" : "Add a row")));
  }

  add(index, label) {
    this.isTheirs = true;
    this.rows.splice(index + 1, 0, { quantity: "", values: [...(this.rows[index]?.values || [])], at: String(Number(this.rows[index]?.at || 0) + 1) });
    this.draw(`${index + 1}-${label}`);
  }

  paste(event, index, columns, start) {
    const rows = pasted(event);
    if (!rows) return;
    event.preventDefault();
    rows.forEach((cells, offset) => {
      const row = (this.rows[index + offset] ||= { quantity: "", values: [], at: String(index + offset) });
      cells.forEach((text, place) => {
        const column = columns[start + place];
        if (!column) return;
        if (column.at) row.at = plain(text);
        else if ("place" in column) row.values[column.place] = text;
        else row.quantity = plain(text);
      });
    });
    this.draw();
    this.touch();
  }

  touch() {
    this.isTheirs = true;
    this.changed();
  }
}
