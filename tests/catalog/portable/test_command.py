"""`manage.py pricing`: what it prints, and the codes it exits with."""

import io
import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from catalog.models import RateCard, RateCardVersion
from governance.clock import clock_set_to
from governance.models import Change
from tests.catalog.cards import MARCH
from tests.catalog.conftest import Publish
from tests.catalog.portable.files import FULL
from tests.refusals import refused

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def in_march():
    with clock_set_to(MARCH):
        yield


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prices.yaml"
    path.write_text(FULL)
    return path


def pricing(*words: object) -> str:
    out = io.StringIO()
    call_command("pricing", *map(str, words), stdout=out)
    return out.getvalue()


def planned(path: Path, *words: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("pricing", "plan", str(path), *words, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def test_what_is_exported_plans_to_nothing(publish: Publish, tmp_path: Path) -> None:
    publish()
    path = tmp_path / "out.yaml"
    assert pricing("export", "standard-usd", "--output", path) == ""
    assert path.read_text() == pricing("export", "standard-usd")
    assert planned(path) == (0, "Standard USD: these prices are in force.\nNothing to do.\n")


def test_json_is_exported_and_planned_too(publish: Publish, tmp_path: Path) -> None:
    publish()
    path = tmp_path / "out.json"
    path.write_text(pricing("export", "--json"))
    code, text = planned(path, "--json")
    assert (code, json.loads(text)["summary"]) == (0, "nothing to do.")


def test_something_to_do_exits_with_2_and_says_what(file: Path, ann: User) -> None:
    code, text = planned(file)
    assert code == 2
    lines = text.splitlines()
    assert lines[:4] == ["At once:", "  + gpu-seconds: GPU seconds", "  + tokens: Tokens", "  + sso: Single sign-on"]
    assert "Standard: a change request is to be made." in lines
    assert "  + seats: $30.00 each, yearly, in advance" in lines
    assert "  No contract follows this card, and no open quote names it." in lines
    assert lines[-1] == "13 changes at once, 2 change requests."
    assert not RateCard.objects.exists()


def test_a_file_that_is_wrong_is_told_line_by_line(file: Path) -> None:
    file.write_text(FULL.replace("kind: one_time", "kind: once").replace("notice_days: 30", "notice: 30"))
    with pytest.raises(CommandError) as problem:
        planned(file)
    assert str(problem.value).splitlines() == [
        f"{file}:51: products.setup.kind: must be one of usage, recurring, one_time",
        f"{file}:71: rate_cards.standard.notice: unknown field; did you mean notice_days?",
    ]
    assert problem.value.returncode == 1


def test_names_not_known_here_are_told_with_the_file(file: Path) -> None:
    file.write_text("rate_cards: {a: {name: A, currency: USD, base: b}}")
    for verb in (["plan"], ["apply", "--because", "x"]):
        with pytest.raises(CommandError, match=r"prices.yaml:1: rate_cards.a.base: there is no rate card b"):
            pricing(verb[0], file, *verb[1:])
    with pytest.raises(CommandError, match="No such file"):
        pricing("plan", file.parent / "none.yaml")


def test_apply_asks_in_the_name_of_somebody(file: Path, ann: User) -> None:
    text = pricing("apply", file, "--because", "From staging", "--by", "ann")
    assert text.splitlines() == [
        "Standard: the change is in review; prices are as before until it is approved and published.",
        "Europe: the change is in review; prices are as before until it is approved and published.",
        "Done: 13 changes at once, 2 change requests.",
    ]
    assert set(RateCardVersion.objects.values_list("status", flat=True)) == {"in_review"}
    assert {change.by for change in Change.objects.filter(name="rate_card.submitted")} == {ann}
    again = pricing("apply", file, "--because", "From staging", "--by", "ann")
    assert again.splitlines()[-1] == "Nothing to do."
    assert "Standard: this very change is in review; nothing to do." in again


def test_who_may_not_ask_is_refused(file: Path, ben: User) -> None:
    with refused("ben may not do this: catalog.add_", CommandError):
        pricing("apply", file, "--because", "x", "--by", "ben")
    with refused("there is nobody named zoe", CommandError):
        pricing("apply", file, "--because", "x", "--by", "zoe")
    with refused("Only a signed-in person can ask for an approval", CommandError):
        pricing("apply", file, "--because", "x")
    with refused("Say why", CommandError):
        pricing("apply", file, "--because", " ", "--by", "ben")


def test_exports_of_what_is_not_there_are_refused() -> None:
    with pytest.raises(CommandError, match="There is no rate card none"):
        pricing("export", "none")
    with pytest.raises(CommandError, match="--at: must be an instant"):
        pricing("export", "--at", "yesterday")


def test_the_schema_is_printed() -> None:
    assert json.loads(pricing("schema"))["title"] == "Quoin prices as code"
