"""What customers may use, asked of the database and over HTTP; overrides and trials."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog import operations as catalog
from catalog.models import Feature
from contracts import entitled
from contracts import operations as contracts
from contracts.entitlements import Answer, Entitlement
from contracts.models import Contract, EntitlementOverride
from contracts.operations import end_contract, end_entitlement, override_entitlement
from contracts.terms import AgreedLine
from governance.change import change
from governance.clock import clock_set_to
from metering.meters.defining import redefine_meter
from metering.operations import ingest
from metering.wire.events import Event
from pricing.charges import PerUnit
from tests import cast
from tests.contracts.test_queries import signed
from tests.refusals import refused

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 18, 12, tzinfo=UTC)


@pytest.fixture
def contract() -> Contract:
    """Contoso's: ten seats, the platform fee and output tokens, from January on."""
    cast.standard_card()
    seats = cast.publish(
        {"seats": PerUnit(Decimal(30))}, effective_from=cast.NOW + timedelta(hours=1), at=cast.NOW + timedelta(hours=1)
    )
    lines = [
        AgreedLine(cast.product("seats"), quantity=Decimal(10)),
        AgreedLine(cast.product("platform-fee")),
        AgreedLine(cast.product("output-tokens")),
    ]
    return signed(rate_card_version=seats, lines=lines, commits=[])


def feature(key: str, kind: str = "metered", **grants: dict[str, Any]) -> Feature:
    """One that products grant on these terms; what is metered counts output tokens."""
    meter = cast.product("output-tokens").meter if kind == "metered" else None
    made = catalog.create_feature(key=key, name=key.title(), kind=kind, meter=meter, act=cast.act("ann"))
    for product, terms in grants.items():
        catalog.grant_feature(cast.product(product.replace("_", "-")), made, **terms, act=cast.act("ann"))
    return made


def use(tokens: int, at: datetime = AT, customer: str = "contoso") -> None:
    name = f"{customer}-{at:%d%H%M}-{tokens}"
    event = Event(name, "llm.request", at, customer, {"ContextTokens": 0, "GeneratedTokens": tokens})
    ingest([event], source="gateway", at=at)


def ask(key: str, quantity: int = 1, at: datetime = AT, customer: str = "contoso") -> Answer:
    return entitled.check(customer, key, Decimal(quantity), at)[-1]


def only(at: datetime = AT) -> Entitlement:
    (found,) = entitled.entitlements_of("contoso", at).entitlements
    return found


# ---------------------------------------------------------------- what contracts grant
def test_an_allowance_for_each_seat_is_counted_by_its_meter(contract: Contract) -> None:
    feature("tokens", seats={"value": "100", "is_per_seat": True})
    use(900)
    found = only()
    (allowance,) = found.allowances
    assert (allowance.limit, allowance.used, allowance.remaining) == (1000, 900, 100)
    assert [(each.name, each.contract, each.seats) for each in found.sources] == [("Seats", contract.number, 10)]
    assert [ask("tokens", quantity).allowed for quantity in (99, 100, 101)] == [True, True, False]


def test_usage_counts_in_its_window_alone(contract: Contract) -> None:
    feature("tokens", platform_fee={"value": "100", "window": "five_hours"})
    begins = datetime(2026, 3, 18, 11, tzinfo=UTC)  # the blocks of five hours count from midnight on 1 January
    assert ask("tokens").allowance.period.start == begins  # type: ignore[union-attr]
    use(80, begins - timedelta(seconds=1))
    use(70, begins)
    assert ask("tokens").allowance.used == 70  # type: ignore[union-attr]
    assert ask("tokens", at=begins + timedelta(hours=5)).allowance.used == 0  # type: ignore[union-attr]


def test_a_limit_ends_with_its_contract(contract: Contract) -> None:
    feature("places", "limit", platform_fee={"value": "100"})
    assert [ask("places", quantity).reason for quantity in (99, 101)] == ["granted", "limit_reached"]
    end_contract(contract, end_on=date(2026, 3, 18), act=cast.act("cara"))
    assert ask("places", 1).reason == "not_granted"
    assert entitled.entitlements_of("contoso", AT).entitlements == []
    assert ask("places", 1, datetime(2026, 3, 17, tzinfo=UTC)).reason == "granted"


def test_a_product_grants_once_a_contract_and_each_contract_adds(contract: Contract) -> None:
    feature("places", "limit", seats={"value": "5"}, platform_fee={"value": "1"})
    assert ask("places").allowance.limit == 6  # type: ignore[union-attr]
    signed(
        rate_card_version=contract.pinned_version,
        lines=[AgreedLine(cast.product("seats"), quantity=Decimal(n)) for n in (1, 2)],
        commits=[],
    )
    assert ask("places").allowance.limit == 11  # type: ignore[union-attr]


def test_a_grant_that_changes_counts_at_once_and_so_does_a_meter(contract: Contract) -> None:
    made = feature("tokens", platform_fee={"value": "100"})
    use(90)
    assert ask("tokens").allowance.remaining == 10  # type: ignore[union-attr]
    catalog.grant_feature(cast.product("platform-fee"), made, value="200", act=cast.act("ann"))
    assert ask("tokens").allowance.remaining == 110  # type: ignore[union-attr]
    assert made.meter is not None
    redefine_meter(made.meter, aggregation="count", property="", act=cast.act("eric"))
    assert ask("tokens").allowance.remaining == 199  # type: ignore[union-attr]


def test_who_and_what_is_not_there_is_said(contract: Contract) -> None:
    feature("sso", "boolean")
    with pytest.raises(entitled.Unknown, match="There is no customer nobody"):
        ask("sso", customer="nobody")
    with pytest.raises(entitled.Unknown, match="There is no feature sauna"):
        ask("sauna")
    with pytest.raises(entitled.Unknown, match="There is no customer nobody"):
        entitled.entitlements_of("nobody", AT)
    assert ask("sso").reason == "not_granted"


def test_an_alias_is_as_good_as_the_key(contract: Contract) -> None:
    cast.alias()
    feature("sso", "boolean", platform_fee={})
    assert ask("sso", customer="contoso-eu").allowed
    assert entitled.entitlements_of("contoso-eu", AT).key == "contoso"


def test_a_check_takes_the_same_queries_however_much_there_is(contract: Contract) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            ask("tokens")
        return len(asked)

    made = feature("tokens", platform_fee={"value": "100"})
    ask("tokens")
    few = queries()
    for window in ("day", "week"):
        catalog.grant_feature(cast.product("seats"), made, value="9", window=window, act=cast.act("ann"))
    signed(rate_card_version=contract.pinned_version, lines=[AgreedLine(cast.product("platform-fee"))], commits=[])
    override_entitlement(contract.customer, made, value="7", window="day", act=cast.act("cara", at=AT))
    assert (queries(), few) == (4, 4)


# ---------------------------------------------------------------- overrides and trials
def test_a_trial_counts_until_its_end(contract: Contract) -> None:
    made = feature("places", "limit", platform_fee={"value": "5"})
    ends = AT + timedelta(days=14)
    trial = override_entitlement(
        contract.customer, made, value="10", is_trial=True, end_at=ends, act=cast.act("cara", "Try more", AT)
    )
    instants = (AT - timedelta(seconds=1), AT, ends - timedelta(seconds=1), ends)
    assert [ask("places", at=at).allowance.limit for at in instants] == [5, 15, 15, 5]  # type: ignore[union-attr]
    assert [(each.kind, each.name) for each in only().sources] == [("product", "Platform fee"), ("trial", "Try more")]
    soon = AT + timedelta(days=1)
    end_entitlement(trial, act=cast.act("cara", at=soon))
    assert ask("places", at=soon).allowance.limit == 5  # type: ignore[union-attr]
    with refused("has ended already"):
        end_entitlement(trial, act=cast.act("cara", at=soon))


def test_an_override_takes_away_until_it_is_ended(contract: Contract) -> None:
    made = feature("sso", "boolean", platform_fee={})
    row = override_entitlement(contract.customer, made, value="off", act=cast.act("cara", "Abuse", AT))
    assert not ask("sso").allowed
    end_entitlement(row, act=cast.act("cara", at=AT + timedelta(hours=1)))
    assert ask("sso", at=AT + timedelta(hours=1)).allowed


def test_an_override_of_a_contract_ends_with_it(contract: Contract) -> None:
    made = feature("places", "limit", platform_fee={"value": "5"})
    override_entitlement(contract.customer, made, value="50", contract=contract, act=cast.act("cara", at=AT))
    assert ask("places").allowance.limit == 50  # type: ignore[union-attr]
    assert ask("places", at=contract.end_at).reason == "not_granted"


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ({"value": "many"}, "value: Say how much"),
        ({"window": "day", "value": "1"}, "window: Only a metered allowance"),
        ({"value": "1", "is_trial": True}, "end_at: A trial has an end"),
        ({"value": "1", "start_at": AT - timedelta(days=1)}, "start_at: It cannot begin in the past"),
        ({"value": "1", "end_at": AT}, "end_at: It ends after it begins"),
    ],
)
def test_what_no_feature_can_have_is_refused(contract: Contract, terms: dict[str, Any], says: str) -> None:
    made = feature("places", "limit")
    with refused(says):
        override_entitlement(contract.customer, made, **terms, act=cast.act("cara", at=AT))


def test_another_customers_contract_is_refused(contract: Contract) -> None:
    made, other = feature("sso", "boolean"), cast.customer("fabrikam")
    with refused("contract: It is another customer's"):
        override_entitlement(other, made, contract=contract, act=cast.act("cara", at=AT))


# ---------------------------------------------------------------- the doors
def get(path: str, **query: str) -> Any:
    client = Client(headers=cast.system_key("entitlements:read"))
    with clock_set_to(AT):
        answer = client.get(f"/api/v1/entitlements{path}", query)
    return answer.status_code, answer.json()


def test_everything_a_customer_may_use_with_its_sources(contract: Contract) -> None:
    feature("region", "config", platform_fee={"value": "eu"})
    feature("tokens", seats={"value": "100", "is_per_seat": True, "is_hard": False, "window": "month"})
    use(250)
    source = {"contract": contract.number, "since": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}
    fee = {"kind": "product", "name": "Platform fee", "value": "eu", **source}
    seats = {"kind": "product", "name": "Seats", "value": "1000", **source}
    assert get("", customer="contoso") == (
        200,
        {
            "customer": "contoso",
            "at": "2026-03-18T12:00:00Z",
            "access_until": None,
            "entitlements": [
                {
                    "feature": "region",
                    "name": "Region",
                    "kind": "config",
                    "granted": True,
                    "value": "eu",
                    "allowances": [],
                    "sources": [fee],
                },
                {
                    "feature": "tokens",
                    "name": "Tokens",
                    "kind": "metered",
                    "granted": True,
                    "value": None,
                    "allowances": [
                        {
                            "window": "month",
                            "limit": "1000",
                            "is_hard": False,
                            "used": "250",
                            "remaining": "750",
                            "resets_at": "2026-04-01T00:00:00Z",
                            "sources": [seats],
                        }
                    ],
                    "sources": [seats],
                },
            ],
        },
    )


def test_a_check_says_what_decides(contract: Contract) -> None:
    feature("tokens", platform_fee={"value": "100", "window": "day"})
    use(100)
    status, said = get("/check", customer="contoso", feature="tokens")
    assert (status, said["allowed"], said["reason"], said["detail"]) == (
        200,
        False,
        "limit_reached",
        "There is not so much left of Tokens.",
    )
    assert (said["window"], said["limit"], said["used"], said["remaining"], said["resets_at"]) == (
        "day",
        "100",
        "100",
        "0",
        "2026-03-19T00:00:00Z",
    )
    with clock_set_to(AT):
        posted = Client(headers=cast.system_key("entitlements:read")).post(
            "/api/v1/entitlements/check", {"customer": "contoso", "feature": "tokens"}, content_type="application/json"
        )
    assert posted.json() == said


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"feature": "sso"}, (400, {"customer": ["This field is required."]})),
        ({"customer": "contoso", "feature": "sauna"}, (404, {"detail": "There is no feature sauna."})),
        ({"customer": "nobody", "feature": "sso"}, (404, {"detail": "There is no customer nobody."})),
        (
            {"customer": "contoso", "feature": "sso", "quantity": "-1"},
            (400, {"quantity": ["A quantity is not negative, and not beyond all bounds."]}),
        ),
    ],
)
def test_a_question_that_cannot_be_answered_is_told(
    contract: Contract, query: dict[str, str], expected: tuple[int, Any]
) -> None:
    feature("sso", "boolean")
    assert get("/check", **query) == expected


def test_a_rep_hears_nothing_of_customers_they_do_not_serve(contract: Contract) -> None:
    feature("sso", "boolean", platform_fee={})
    contracts.create_customer(key="fabrikam", name="Fabrikam", email="a@b.test", act=cast.act())
    nothing = (404, {"detail": "There is no customer fabrikam."})

    def answers(who: str, customer: str) -> list[tuple[int, Any]]:
        client = Client()
        client.force_login(cast.person(who))
        paths = (f"?customer={customer}", f"/check?customer={customer}&feature=sso")
        got = [client.get(f"/api/v1/entitlements{path}") for path in paths]
        return [(each.status_code, each.json()) for each in got]

    assert answers("ben", "fabrikam") == [nothing, nothing]
    assert [status for status, _ in answers("ben", "contoso")] == [200, 200]
    assert [status for status, _ in answers("cleo", "fabrikam")] == [200, 200]
    assert [status for status, _ in answers("eve", "contoso")] == [403, 403]


@pytest.mark.django_db(transaction=True)
def test_twenty_ask_at_once_and_hear_the_same(contract: Contract) -> None:
    feature("tokens", platform_fee={"value": "100"})
    use(40)

    def asked(_: int) -> Decimal | None:
        try:
            answer = ask("tokens", 60)
            return answer.allowance.remaining if answer.allowed and answer.allowance else None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(asked, range(20))) == [60] * 20


@pytest.mark.parametrize("changed", [{"value": "off"}, {"end_at": None}, {"end_at": AT + timedelta(days=9)}])
def test_what_was_given_changes_only_in_its_end(contract: Contract, changed: dict[str, Any]) -> None:
    row = override_entitlement(contract.customer, feature("sso", "boolean"), act=cast.act("cara", at=AT))
    end_entitlement(row, act=cast.act("cara", at=AT + timedelta(days=1)))
    mine = EntitlementOverride.objects.filter(pk=row.pk)
    with refused("changes only in its end", IntegrityError), change("entitlement.changed", row, cast.act()):
        mine.update(**changed)
    with refused("changes only in its end", IntegrityError), change("entitlement.changed", row, cast.act()):
        mine.delete()
