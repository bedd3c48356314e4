/* The table of tiers: rows that are added, removed, moved and pasted from a spreadsheet.
   The last row is open. A number typed into it opens another row below. */

import { bound, button, el, isNumber, pasted, plain } from "./dom.js";
import { group } from "./kinds.js";

const OPEN_WORDS = /^(∞|inf(inity)?|above|and above|rest|then|unlimited|more|-|–|—)?$/i;
const HEADINGS = { up_to: "Up to", unit_price: "Price", percent: "Percent", flat_fee: "Fee on entering", block: "In blocks of", cap: "At most" };
const MONEY = ["unit_price", "flat_fee", "cap"];
const OPTIONAL = ["flat_fee", "block", "cap"];

export function tiersTable(ctx, node, spec, path) {
  const shown = (name) => node.tiers.some((tier) => tier[name] !== undefined) || ctx.shows.has(name);
  const columns = [...spec.columns, ...(spec.extra || []).filter(shown)];
  const body = el("tbody");
  const table = el("table", { class: "rate-tiers" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col", class: "rate-from" }, "Above"),
      columns.map((name) => el("th", { scope: "col" }, HEADINGS[name], el("span", { class: "rate-unit" }, MONEY.includes(name) ? ` ${ctx.currency}` : name === "percent" ? " %" : ""))),
      el("th", { scope: "col" }, el("span", { class: "quoin-unseen" }, "Move or remove")))),
    body);
  const draw = (focus) => {
    body.replaceChildren(...node.tiers.map((tier, index) => row(tier, index)));
    ctx.changed();
    if (focus) body.querySelector(`[data-path="${focus}"]`)?.focus();
  };
  const at = (index, name) => `${path}[${index}].${name}`;
  const fresh = (like) => Object.fromEntries(columns.map((name) => [name, name === "up_to" ? "" : OPTIONAL.includes(name) ? undefined : like?.[name] ?? ""]));

  function insert(index) {
    const last = node.tiers.length - 1;
    if (index >= last && node.tiers[last]?.up_to === null) {
      node.tiers[last].up_to = "";
      node.tiers.push({ ...fresh(node.tiers[last]), up_to: null });
      return draw(at(last, "up_to"));
    }
    node.tiers.splice(index + 1, 0, fresh(node.tiers[index]));
    draw(at(index + 1, "up_to"));
  }

  function remove(index) {
    if (node.tiers.length === 1) return;
    node.tiers.splice(index, 1);
    node.tiers.at(-1).up_to = null;
    draw(at(Math.min(index, node.tiers.length - 1), columns[1]));
  }

  /* Prices move, edges stay: so the edges go on rising, whatever is moved. */
  function move(index, by, name) {
    const other = index + by;
    if (other < 0 || other >= node.tiers.length) return;
    const edges = node.tiers.map((tier) => tier.up_to);
    [node.tiers[index], node.tiers[other]] = [node.tiers[other], node.tiers[index]];
    node.tiers.forEach((tier, place) => (tier.up_to = edges[place]));
    draw(at(other, name));
  }

  function keys(event, index, name) {
    if (event.key === "Enter") {
      event.preventDefault();
      insert(index);
    } else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      move(index, event.key === "ArrowUp" ? -1 : 1, name);
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      body.querySelector(`[data-path="${at(index + (event.key === "ArrowUp" ? -1 : 1), name)}"]`)?.focus();
    } else if (event.key === "Delete" && event.shiftKey) {
      event.preventDefault();
      remove(index);
    }
  }

  function paste(event, index, name) {
    let rows = pasted(event);
    if (!rows) return;
    event.preventDefault();
    const start = columns.indexOf(name);
    if (start === 0) rows = withoutFrom(rows.filter((cells) => isNumber(plain(cells[0])) || OPEN_WORDS.test(cells[0])));
    for (const [offset, cells] of rows.entries()) place(index + offset, cells, start);
    if (node.tiers.at(-1).up_to !== null) node.tiers.push({ ...fresh(node.tiers.at(-1)), up_to: null });
    draw(at(Math.min(index + rows.length, node.tiers.length) - 1, name));
  }

  function place(index, cells, start) {
    if (index >= node.tiers.length) node.tiers.push(fresh());
    const tier = node.tiers[index];
    if (tier.up_to === null && index === node.tiers.length - 1 && start === 0 && isNumber(plain(cells[0]))) {
      node.tiers.splice(index, 0, fresh());
      return place(index, cells, start);
    }
    cells.slice(0, columns.length - start).forEach((cell, offset) => {
      const column = columns[start + offset];
      const value = plain(cell);
      if (column === "up_to") tier.up_to = OPEN_WORDS.test(cell) ? null : value;
      else if (value) tier[column] = value;
      else if (OPTIONAL.includes(column)) delete tier[column];
    });
    if (tier.up_to === null) node.tiers.length = index + 1;
    return undefined;
  }

  function row(tier, index) {
    const isLast = index === node.tiers.length - 1;
    const floor = index ? node.tiers[index - 1].up_to : "0";
    const from = el("td", { class: "rate-from" }, isNumber(String(floor)) ? group(floor) : "…");
    const cells = columns.map((name) => el("td", {}, bound(ctx, tier, name, at(index, name), {
      numeric: true, open: name === "up_to" && isLast,
      placeholder: name === "up_to" ? (isLast ? "and above" : "") : OPTIONAL.includes(name) ? "—" : "",
      "aria-label": `${HEADINGS[name]}, tier ${index + 1}`,
      onkeydown: (event) => keys(event, index, name),
      onpaste: (event) => paste(event, index, name),
      onset: name !== "up_to" ? undefined : () => {
        if (isLast && isNumber(String(tier.up_to))) {
          node.tiers.push({ ...fresh(tier), up_to: null });
          draw(at(index, columns[1]));
        } else body.children[index + 1]?.querySelector(".rate-from")?.replaceChildren(isNumber(String(tier.up_to)) ? group(tier.up_to) : "…");
      },
    })));
    return el("tr", {}, from, cells, el("td", { class: "rate-tools" },
      button(`Move the price of tier ${index + 1} up`, "arrow_upward", () => move(index, -1, columns[1]), { disabled: !index }),
      button(`Move the price of tier ${index + 1} down`, "arrow_downward", () => move(index, 1, columns[1]), { disabled: isLast }),
      button(`Remove tier ${index + 1}`, "close", () => remove(index), { disabled: node.tiers.length === 1 })));
  }

  if (node.tiers.at(-1).up_to === "") node.tiers.at(-1).up_to = null;
  body.replaceChildren(...node.tiers.map((tier, index) => row(tier, index)));
  return el("div", { class: "rate-block", "data-path": path },
    el("div", { class: "quoin-scroll" }, table),
    el("div", { class: "rate-under" },
      el("button", { type: "button", class: "quoin-button", onclick: () => insert(node.tiers.length - 1) }, "Add a tier"),
      (spec.extra || []).filter((name) => !shown(name)).map((name) => el("button", {
        type: "button", class: "quoin-button quiet", onclick: () => { ctx.shows.add(name); ctx.redraw(at(0, name)); },
      }, { block: "Whole blocks", cap: "Cap a tier" }[name])),
      el("span", { class: "quoin-muted" }, "Enter adds a row · Alt ↑ ↓ moves a price · paste rows from a spreadsheet")),
    el("p", { class: "quoin-error", "data-error": path, hidden: true, role: "alert" }));
}

/* `0 | 1,000 | 0.10`: a first column that only says where a tier begins is dropped. */
function withoutFrom(rows) {
  const begins = rows.length > 1 && rows[0].length > 2 && Number(plain(rows[0][0])) <= 1 && Number(plain(rows[1][0])) - Number(plain(rows[0][1])) <= 1 && Number(plain(rows[1][0])) >= Number(plain(rows[0][1]));
  return begins ? rows.map((cells) => cells.slice(1)) : rows;
}
