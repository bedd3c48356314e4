/* What each kind of price asks for: one table, from which the form draws itself. Their names come with the page.
   A field that is left empty is left out of the charge, so that the kernel's own default holds. */

export const given = JSON.parse(document.getElementById("rate-given").textContent);

const field = (type) => (name, label, more = {}) => ({ type, name, label, ...more });
const money = field("money");
const number = field("number");
const percent = field("percent");
const choice = field("choice");
const flag = field("flag");
const text = field("text");
const names = field("names");
const tiers = field("tiers");

const per = number("per", "For every", { empty: "1", after: "units" });
const atZero = flag("charge_flat_at_zero", "Charge the first fee even when nothing is used");
const ladder = tiers("tiers", "Tiers", { columns: ["up_to", "unit_price", "flat_fee"], extra: ["block", "cap"] });
const open = (price) => ({ up_to: null, ...price });

export const KINDS = {
  per_unit: {
    fields: [money("unit_price", "Price"), per],
    make: () => ({ unit_price: "" }),
  },
  graduated: {
    fields: [per, ladder, atZero],
    make: () => ({ tiers: [{ up_to: "", unit_price: "" }, open({ unit_price: "" })] }),
  },
  volume: {
    fields: [per, ladder, atZero],
    make: () => ({ tiers: [{ up_to: "", unit_price: "" }, open({ unit_price: "" })] }),
  },
  package: {
    fields: [
      money("unit_price", "Price of a package"), number("size", "Units in a package"),
      choice("rounding", "A package begun", { options: [["up", "counts whole"], ["down", "is free until full"], ["none", "counts in part"]] }),
    ],
    make: () => ({ unit_price: "", size: "" }),
  },
  flat: {
    fields: [money("amount", "Amount")],
    make: () => ({ amount: "" }),
  },
  percent: {
    fields: [
      percent("percent", "Percentage"), money("fixed_fee", "Fee per transaction", { empty: "0" }),
      number("free_transactions", "Free transactions", { empty: "none" }), money("free_amount", "Free amount", { empty: "none" }),
      money("transaction_min", "At least, per transaction", { empty: "no limit" }), money("transaction_max", "At most, per transaction", { empty: "no limit" }),
    ],
    make: () => ({ percent: "" }),
  },
  graduated_percent: {
    fields: [tiers("tiers", "Tiers", { columns: ["up_to", "percent", "flat_fee"] }), atZero],
    make: () => ({ tiers: [{ up_to: "", percent: "" }, open({ percent: "" })] }),
  },
  matrix: {
    fields: [field("cells")("cells", "Cells")],
    make: () => ({ by: ["model"], cells: [{ values: [null], charge: { kind: "per_unit", unit_price: "" } }] }),
  },
  capacity: {
    fields: [field("capacity")("tiers", "Steps")],
    make: () => ({ tiers: [{ limits: { "": null }, price: "" }, { limits: { "": null }, price: "" }] }),
  },
  dynamic: {
    fields: [number("multiplier", "Times", { empty: "1", help: "1.2 adds 20 %" })],
    make: () => ({}),
  },
  composite: {
    fields: [field("products")("of", "Which products"), field("charge")("charge", "Of their amount", { isWhole: true })],
    make: () => ({ charge: { kind: "percent", percent: "" } }),
  },
  outcome: {
    fields: [money("unit_price", "Price of an outcome")],
    make: () => ({ unit_price: "" }),
  },
  outcome_share: {
    fields: [percent("percent", "Share"), money("baseline", "Above a baseline of", { empty: "0" })],
    make: () => ({ percent: "" }),
  },
  sum: {
    fields: [field("charges")("charges", "Prices")],
    make: () => ({ charges: [{ kind: "per_unit", unit_price: "" }, { kind: "flat", amount: "" }] }),
  },
  cheapest: {
    fields: [field("charges")("charges", "Prices")],
    make: () => ({ charges: [{ kind: "per_unit", unit_price: "" }, { kind: "per_unit", unit_price: "" }] }),
  },
};

for (const { name, ...words } of given.kinds) Object.assign(KINDS[name], words);

const rounded = { none: "", up: ", rounded up", down: ", rounded down", half_up: ", rounded" };
const said = (value) => (value === undefined || value === null || value === "" ? "…" : group(value));

export function group(value) {
  const match = /^(-?\d+)(\.\d+)?$/.exec(String(value));
  return match ? match[1].replace(/\B(?=(\d{3})+$)/g, ",") + (match[2] || "") : String(value);
}

/* Around a price, from the money side to the usage side: the order in which they nest.
   `words` says what it does, in the chain from usage to amount. */
export const AROUND = {
  adjusted: {
    label: "Discount, minimum, maximum", icon: "tune",
    fields: [
      money("amount_off", "Amount off", { empty: "none" }), percent("percent_off", "Percent off", { empty: "none" }),
      money("maximum", "At most", { empty: "no limit" }), money("minimum", "At least", { empty: "no limit" }),
    ],
    make: () => ({}),
    words: (it, currency) => [
      it.amount_off && `${group(it.amount_off)} ${currency} off`, it.percent_off && `${it.percent_off} % off`,
      it.maximum && `at most ${group(it.maximum)} ${currency}`, it.minimum && `at least ${group(it.minimum)} ${currency}`,
    ].filter(Boolean).join(", ") || "no limits yet",
  },
  committed: {
    label: "Commitment", icon: "handshake",
    fields: [
      money("amount", "Committed amount", { empty: "—" }), number("quantity", "or committed units", { empty: "—" }),
      number("overage_factor", "Beyond it, prices times", { empty: "1" }), flag("true_up", "What was committed is owed also where less was used", { initial: true }),
    ],
    make: () => ({ amount: "" }),
    words: (it, currency) => `committed to ${it.quantity ? group(it.quantity) + " units" : said(it.amount) + " " + currency}`,
  },
  in_unit: {
    label: "Price in a unit", icon: "toll",
    fields: [text("unit", "Unit", { empty: "credit" }), money("price", "One is worth")],
    make: () => ({ unit: "", price: "" }),
    words: (it, currency) => `in ${it.unit || "…"}s at ${said(it.price)} ${currency}`,
  },
  per_group: {
    label: "Anew per group", icon: "workspaces",
    fields: [names("by", "For each value of", { empty: "project", help: "Properties of the events, separated by commas" })],
    make: () => ({ by: [] }),
    words: (it) => `anew for each ${(it.by || []).join(" and ") || "…"}`,
  },
  per_window: {
    label: "Anew per window", icon: "schedule",
    fields: [
      choice("window", "For each", { options: [["minute", "minute"], ["hour", "hour"], ["day", "day"], ["month", "month"]], always: true }),
      field("hours")("hours", "Other prices at certain hours"),
    ],
    make: () => ({ window: "day" }),
    words: (it) => `anew each ${it.window || "…"}`,
  },
  converted: {
    label: "Conversion", icon: "swap_horiz",
    fields: [
      choice("operation", "Usage is", { options: [["divide", "divided by"], ["multiply", "multiplied by"]], always: true }),
      number("factor", "Factor"),
      choice("rounding", "and then", { options: [["none", "not rounded"], ["up", "rounded up"], ["down", "rounded down"], ["half_up", "rounded half up"]] }),
      number("precision", "to decimals", { empty: "0" }),
    ],
    make: () => ({ operation: "divide", factor: "" }),
    words: (it) => `${it.operation === "multiply" ? "×" : "÷"} ${said(it.factor)}${rounded[it.rounding] || ""}`,
  },
  allowance: {
    label: "Allowance", icon: "redeem",
    fields: [number("units", "Free units each cycle")],
    make: () => ({ units: "" }),
    words: (it) => `first ${said(it.units)} free`,
  },
};

export const ORDER = Object.keys(AROUND);

export function made(kind, before = {}) {
  const spec = KINDS[kind] || AROUND[kind];
  const fresh = { kind, ...spec.make() };
  const known = new Set(spec.fields.map((each) => each.name));
  for (const name of known) if (before[name] !== undefined && (name !== "tiers" || alike(fresh, before))) fresh[name] = before[name];
  if (before.tiers && "unit_price" in fresh) fresh.unit_price = before.tiers[0]?.unit_price || "";
  if (before.unit_price && fresh.tiers && !before.tiers) for (const tier of fresh.tiers) if ("unit_price" in tier) tier.unit_price = before.unit_price;
  return fresh;
}

const alike = (one, other) => Object.keys(one.tiers?.[0] || {}).every((name) => name in (other.tiers?.[0] || {}));

/* A charge with all that its form needs, whatever the JSON leaves out. */
export function complete(node) {
  const spec = KINDS[node.kind] || AROUND[node.kind];
  const fresh = spec ? spec.make() : {};
  for (const [name, value] of Object.entries(fresh)) if (!(name in node)) node[name] = value;
  for (const field of spec?.fields || []) {
    const value = node[field.name];
    if (field.type === "charge") complete(value);
    if (field.type === "charges") value.forEach(complete);
    if (field.type === "hours") (value || []).forEach((band) => complete(band.charge));
    if (field.type === "cells") {
      value.forEach((cell) => complete(cell.charge));
      if (node.default) complete(node.default);
    }
  }
  if (AROUND[node.kind] && node.charge) complete(node.charge);
  return node;
}
