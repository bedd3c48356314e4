"""`manage.py bench`: the shape of what it prints, not how fast this machine happens to be."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config.bench import charge_speed, contracts, ingest, price_world, pricing, usage
from config.bench.figures import Figure
from metering.models import UsageBatch, UsageEvent
from tests.commands import manage

USAGE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,3000000,44000
2023-11-16 18:15:50.9951690,5000000,109000
2023-11-17 09:00:00,16000000,3900000
"""


def test_it_prints_one_json_line_for_each_figure(folder: Path) -> None:
    file = folder / "usage.csv"
    file.write_text(USAGE)
    done = manage("bench", "journey", "--json", "--usage", str(file))
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["bench"], line["case"], line["unit"]) for line in lines] == [
        ("journey", "ingest", "events/s"),
        ("journey", "billing", "lines/s"),
        ("journey", "invoice_pdf", "documents/s"),
        ("journey", "whole", "s"),
    ]
    for line in lines:
        assert list(line) == ["bench", "case", "value", "unit", "limit", "ratio"]
        assert line["value"] > 0
        assert line["limit"] > 0
        assert line["ratio"] > 0


def test_ratings_are_counted_by_kind_of_charge_beside_straight_arithmetic() -> None:
    figures = list(charge_speed.figures("pricing", rounds=1))
    assert [figure.case for figure in figures] == list(charge_speed.CASES)
    assert all(figure.value > 0 and figure.limit > 0 and figure.unit == "ratings/s" for figure in figures)


@pytest.mark.django_db
def test_a_card_takes_the_same_queries_for_few_contracts_and_for_many() -> None:
    figures = list(pricing.of_world(price_world.built(20), 2, 6, lambda _: None))
    assert [(figure.case, figure.unit) for figure in figures] == [
        ("impact", "contracts/s"),
        ("lint_and_impact", "s"),
        ("queries", "queries"),
    ]
    assert figures[-1].ratio == 1


@pytest.mark.django_db
def test_usage_is_asked_for_while_events_wait_and_afterwards() -> None:
    figures = list(usage.of_world(usage.Postgres(), 12_000, lambda _: None, asked=2, everybody=3))
    assert [(figure.case, figure.unit) for figure in figures] == [
        ("roll_up", "events/s"),
        ("postgres one_customer_p50", "s"),
        ("postgres one_customer_p95", "s"),
        ("postgres waiting_p95", "s"),
        ("postgres since_cutoff_p95", "s"),
        ("postgres all_customers", "s"),
        ("postgres memory", "MB"),
    ]
    assert UsageEvent.objects.count() == 12_000
    assert not UsageBatch.objects.filter(is_rolled_up=False).exists()


@pytest.mark.django_db
def test_entitlements_are_asked_beside_a_bare_select_and_over_http() -> None:
    figures = list(contracts.of_world(price_world.built(20), 5, 10, lambda _: None))
    assert [(figure.case, figure.unit) for figure in figures] == [
        ("check_p50", "s"),
        ("check_p95", "s"),
        ("checks", "checks/s"),
        ("door_p95", "s"),
    ]
    assert all(figure.value > 0 and figure.limit > 0 for figure in figures)


def test_the_ratio_is_one_at_the_limit_and_less_below_it() -> None:
    assert Figure("b", "c", 50, "events/s", 200).ratio == 0.25
    assert Figure("b", "c", 4, "s", 1).ratio == 0.25
    assert Figure("b", "c", 40, "queries", 10).ratio == 0.25


def test_one_event_in_ten_was_sent_before_by_the_same_sender() -> None:
    load = ingest._load("key", 100, 4_000)
    assert (len(load.lanes), load.events, [len(lane) for lane in load.lanes]) == (ingest.SENDERS, 4_000, [10] * 4)
    for lane in load.lanes:
        batches = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in lane]
        ids = [event["id"] for batch in batches for event in batch]
        assert all(len({event["id"] for event in batch}) == 100 for batch in batches)
        assert 900 < len(set(ids)) < 930
    assert load.fresh == len(
        {e["id"] for lane in load.lanes for r in lane for e in json.loads(r.partition(b"\r\n\r\n")[2])}
    )


def test_an_unknown_bench_names_those_there_are() -> None:
    with pytest.raises(
        CommandError, match=r"^There is no bench 'nope'; there is contracts, ingest, journey, pricing, usage\.$"
    ):
        call_command("bench", "nope")


def test_a_bad_file_is_named_before_anything_is_set_up(folder: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("bench", "journey", usage=folder / "missing.csv")
