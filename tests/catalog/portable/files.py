"""A file with one of everything, as it is written, for the tests of prices as code."""

FULL = """\
format: 1

meters:
  gpu-seconds:
    name: GPU seconds
    event_type: gpu.run
    aggregation: sum
    property: seconds
    filters: {region: [eu, us]}
    unit: second
  tokens:
    name: Tokens
    event_type: llm
    aggregation: sum
    property: tokens
    unit: token

features:
  sso:
    name: Single sign-on
  workspaces:
    name: Workspaces
    kind: limit

products:
  gpu:
    name: GPU hour
    kind: usage
    meter: gpu-seconds
    unit: hour
    internal_unit: second
  input-tokens:
    name: Input tokens
    kind: usage
    meter: tokens
    unit: token
    description: |-
      What the model reads.
        Counted before caching.
    costs:
      - {since: "2026-01-01T00:00:00Z", unit_cost: "1.10", currency: USD, per: "1000000"}
      - {since: "2026-02-01T00:00:00Z", unit_cost: "1.00", currency: USD, per: "1000000", dimensions: {model: big}}
  seats:
    name: Seats
    kind: recurring
    unit: seat
    revenue_account: "4100"
    grants: {sso: "", workspaces: "5"}
  setup:
    name: Setup
    kind: one_time
  support:
    name: "Support: \\"premium\\""
    kind: recurring

rate_cards:
  eu:
    name: Europe
    currency: USD
    base: standard
    region: EU
    version:
      base_factor: "1.1"
    rates:
      seats:
        charge: {kind: per_unit, unit_price: "33"}
        in_advance: true
  standard:
    name: Standard
    currency: USD
    notice_days: 30
    is_public: true
    version:
      note: Spring prices
    rates:
      gpu:
        charge: {kind: converted, operation: divide, factor: "3600", charge: {kind: per_unit, unit_price: "2.40"}}
      input-tokens:
        charge:
          kind: graduated
          tiers:
            - {up_to: "10000000", unit_price: "2.50"}
            - {up_to: null, unit_price: "2.00"}
          per: "1000000"
      seats:
        charge: {kind: per_unit, unit_price: "30"}
        cycle_months: 12
        in_advance: true
      setup:
        charge: {kind: flat, amount: "500"}
        cycle_months: 0
      support:
        charge: {kind: composite, charge: {kind: percent, percent: "10"}, of: [input-tokens]}

selection_rules:
  - {name: Europe, card: eu, conditions: {region: [eu]}}
  - {name: Everybody else, card: standard}
"""
