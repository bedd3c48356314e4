import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from governance.clock import clock_set_to
from metering.models import Meter, QuarantinedEvent, UsageEvent
from metering.wire import loading
from metering.wire.events import Unreadable
from metering.wire.loading import Loaded, Remark, load
from tests.metering.conftest import NOON

pytestmark = pytest.mark.django_db
HEADER = "id,type,time,customer,tokens\n"


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with clock_set_to(NOON):
        yield


def rows(first: int, after: int, customer: str = "contoso") -> str:
    return "".join(f"e{n},llm.request,2026-03-10T12:00:00Z,{customer},5\n" for n in range(first, after))


def loaded(content: str, name: str = "usage.csv") -> Loaded:
    return list(load(io.BytesIO(content.encode()), name, source="files"))[-1]


def test_a_file_is_taken_in_and_what_was_not_counted_is_told(tokens: Meter) -> None:
    found = loaded(HEADER + rows(0, 3) + rows(1, 2) + rows(3, 4, "nobody") + "x\n" + rows(4, 5))
    assert found.counts == {"accepted": 4, "duplicate": 1, "quarantined": 1, "unreadable": 1}
    assert found.remarks == [
        Remark(6, "quarantined", "No customer has the key 'nobody'."),
        Remark(7, "unreadable", "/type: Object missing required field `type`"),
    ]
    assert (found.last_line, found.is_whole) == (8, False)
    assert set(UsageEvent.objects.values_list("source", flat=True)) == {"files"}


def test_a_file_may_be_sent_again(tokens: Meter) -> None:
    content = HEADER + rows(0, 10)
    assert loaded(content).counts == {"accepted": 10}
    again = loaded(content + rows(10, 12))
    assert (again.counts, again.is_whole) == ({"accepted": 2, "duplicate": 10}, True)
    assert UsageEvent.objects.count() == 12


def test_batches_are_stored_as_they_come(tokens: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "BATCH", 10)
    steps = load(io.BytesIO((HEADER + rows(0, 25)).encode()), "usage.csv", source="files")
    seen = [(step.last_line, step.counts["accepted"], UsageEvent.objects.count()) for step in steps]
    assert seen == [(11, 10, 10), (21, 20, 20), (26, 25, 25), (26, 25, 25)]


def test_remarks_have_an_end(tokens: Meter) -> None:
    found = loaded(HEADER + rows(0, 50, "nobody"))
    assert (found.counts["quarantined"], len(found.remarks)) == (50, loading.MOST_REMARKS)


def test_a_file_that_is_none_of_ours_stores_nothing(tokens: Meter) -> None:
    for content, name in ((rows(0, 3), "usage.csv"), (HEADER + rows(0, 3), "usage.txt")):
        with pytest.raises(Unreadable):
            loaded(content, name)
    assert not UsageEvent.objects.exists()
    assert loaded(HEADER).counts == {}


# ---------------------------------------------------------------- the command
@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text(HEADER + rows(0, 3))
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress((HEADER + rows(2, 5) + "bad\n" + rows(5, 6, "nobody")).encode()))
    return tmp_path


def run(*files: Path, source: str = "files") -> str:
    told = io.StringIO()
    call_command("ingest", *files, source=source, stdout=told, stderr=told)
    return told.getvalue()


def test_the_command_tells_what_became_of_each_file(tokens: Meter, files: Path) -> None:
    assert run(files / "a.csv") == f"{files / 'a.csv'}: 3 accepted.\n"
    told = io.StringIO()
    with pytest.raises(CommandError, match="Not everything could be read"):
        call_command("ingest", files / "a.csv", files / "b.csv.gz", source="files", stdout=told)
    assert told.getvalue().splitlines() == [
        f"{files / 'a.csv'}: 0 accepted, 3 counted already.",
        f"{files / 'b.csv.gz'}: 2 accepted, 1 counted already, 1 in quarantine, 1 unreadable.",
        "  line 5: unreadable: /type: Object missing required field `type`",
        "  line 6: in quarantine: No customer has the key 'nobody'.",
    ]
    assert (UsageEvent.objects.count(), QuarantinedEvent.objects.count()) == (5, 1)


def test_the_command_looks_before_it_stores(tokens: Meter, files: Path) -> None:
    (files / "c.txt").write_text("x")
    for wrong, source in (
        (files / "none.csv", "files"),
        (files / "c.txt", "files"),
        (files, "files"),
        (files / "a.csv", ""),
    ):
        with pytest.raises(CommandError):
            run(files / "a.csv", wrong, source=source)
    assert not UsageEvent.objects.exists()


def test_a_database_that_gives_up_can_be_tried_again(
    tokens: Meter, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH", 2)

    def lost(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if "set_config" in sql and UsageEvent.objects.count() >= 2:
            raise OperationalError("the connection is lost\nCONTEXT: a row")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(lost), pytest.raises(CommandError) as refusal:
        run(files / "a.csv")
    assert "stored up to line 3, then the database gave up (the connection is lost)" in str(refusal.value)
    assert run(files / "a.csv") == f"{files / 'a.csv'}: 1 accepted, 2 counted already.\n"
