"""Questions about usage."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from metering.cutoffs import Cutoff
from metering.meters.billable import Tally
from metering.meters.definitions import Timeline, timelines
from metering.meters.totals import Key, Request, Values
from metering.models import CustomerAlias, Meter, QuarantinedEvent, UsageEvent
from metering.postgres.arrivals import numbers_of
from metering.postgres.sightings import Asked
from metering.registry.screening import counts
from metering.store import event_store
from pricing.measures import Measured
from pricing.periods import Period

CustomersSource = Callable[[set[str]], set[str]]
_customers_source: CustomersSource | None = None
_customer_keys: Callable[[], Collection[str]] | None = None


def usage(
    requests: Iterable[Key], as_of: Cutoff | None = None, *, known: Mapping[str, Timeline] | None = None
) -> dict[Key, Measured]:
    """How much each (customer key, meter key, period, split) comes to, exact.

    A Decimal for WHOLE, 0 where nothing was reported; otherwise parts in a fixed order (see `metering.meters.totals`),
    none where nothing was. The number of queries does not depend on the number of requests. Periods are half-open by
    event time; a period is measured by the definition that its meter has for periods that start then. With a cut-off
    the answer is the same for ever. Who has the definitions of all these meters at hand gives them as `known`.
    Raises LookupError for a meter that does not exist.
    """
    asked = list(requests)
    if known is None:
        known = _definitions({key for _, key, _, _ in asked})
    # By definition: to a store, the same meter is always defined the same.
    by_place: dict[int, list[Request]] = defaultdict(list)
    for customer, key, period, split in asked:
        place = known[key].place(period.start)
        by_place[place].append(Request(customer, known[key].at(place), period, split))
    store = event_store()
    found: dict[Key, Measured] = {}
    for place in sorted(by_place):
        found |= store.totals(by_place[place], as_of)
    return found


def _definitions(keys: set[str]) -> dict[str, Timeline]:
    meters = Meter.objects.in_bulk(keys, field_name="key")
    if missing := sorted(keys - meters.keys()):
        raise LookupError(f"there is no meter {missing[0]!r}")
    return timelines(meters.values())


def tallies(meters: Sequence[Meter], period: Period, customer_key: str | None = None) -> dict[str, Tally]:
    """What each meter would count in the period, billable or not, of a customer or of everybody; by meter key.

    Reads the events of the period. By the definitions of now.
    """
    return event_store().tallies(meters, period, customer_key)


def meters_in_use(meters: Iterable[Meter], period: Period) -> set[str]:
    """The keys of those meters that counted at least one event in the period, of whomever; one query."""
    return event_store().meters_in_use(meters, period)


def values_seen(asked: Iterable[Asked], period: Period) -> Mapping[Asked, Mapping[Values, int]]:
    """Which combinations of values of these properties the events that a meter counted carried, and how many each.

    One query. Values are text as PostgreSQL's `->>` writes them, None where an event lacks the property; of very many
    combinations the most frequent.
    """
    return event_store().values_seen(asked, period)


def resolve_customers(keys: set[str]) -> dict[str, str]:
    """For each key that is known, the customer's own: a key of a customer, or an alias of one.

    At most two queries, and only one where every key is a customer's own.
    """
    own = known_customers(keys)
    rest = keys - own
    aliases = CustomerAlias.objects.filter(key__in=rest).values_list("key", "customer_key") if rest else ()
    return {key: key for key in own} | dict(aliases)


def known_customers(keys: set[str]) -> set[str]:
    """Those of the keys that belong to a customer."""
    if _customers_source is None:
        raise RuntimeError("nobody told metering who the customers are: register_customers_source was not called")
    return _customers_source(keys) if keys else set()


def register_customers_source(source: CustomersSource) -> None:
    """Say who knows the customers: a function that gives those of some keys that exist.

    Metering stands below contracts and cannot ask by itself; the app that keeps customers registers when it starts.
    """
    global _customers_source
    _customers_source = source


def customer_keys() -> Collection[str]:
    """The keys of all customers."""
    if _customer_keys is None:
        raise RuntimeError("nobody told metering who the customers are: register_customer_keys was not called")
    return _customer_keys()


def register_customer_keys(source: Callable[[], Collection[str]]) -> None:
    """Say who can list the customers, as with `register_customers_source`."""
    global _customer_keys
    _customer_keys = source


def event_by_id(event_id: str, source: str | None = None) -> tuple[list[UsageEvent], list[QuarantinedEvent]]:
    """What became of an event: counted under this id, and in quarantine. Without a source, of every source."""
    key = {"event_id": event_id} | ({} if source is None else {"source": source})
    counted = event_store().numbered(numbers_of(event_id, source).values())
    quarantined = QuarantinedEvent.objects.filter(**key).order_by("source", "id")[:100]
    return counted, list(quarantined)


def meters_counting(event: UsageEvent) -> list[Meter]:
    """The meters that count this event."""
    meters = Meter.objects.filter(event_type=event.type)
    return [meter for meter in meters if counts(meter, event.properties)]
