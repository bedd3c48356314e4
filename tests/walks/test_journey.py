"""The whole story by its command, as a stranger runs it: its figures, the same again, and files with a mistake."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.commands import manage

HEADING = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
# 22,361,870 tokens in and 4,088,665 out, as many as a month of real conversations.
USAGE = HEADING + "2023-11-16 18:15:46.6805900,10000000,2000000\n2023-11-30 23:59:59.9999999,12361870,2088665\n"


def journey(tmp_path: Path, usage: str, out: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "usage.csv"
    file.write_text(usage)
    return manage("journey", "--usage", str(file), "--out", str(tmp_path / out))


def lines(invoice: dict[str, Any]) -> list[tuple[str, str]]:
    return [(line["description"], line["amount"]["amount"]) for line in invoice["lines"]]


def test_the_story_comes_to_its_figures_and_to_the_same_ones_again(tmp_path: Path) -> None:
    for out in ("first", "again"):
        done = journey(tmp_path, USAGE, out)
        assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "first/summary.json").read_text())
    assert [month["amount"] for month in summary["quote"]["total_by_month"]] == ["88.25", *["92.25"] * 11]
    assert (summary["quote"]["requested_by"], summary["quote"]["approved_by"]) == ("ben", "dee")
    assert (summary["usage"]["events"], summary["usage"]["duplicates"]) == (2, 2)
    commit, month = summary["invoices"]
    assert (commit["number"], commit["total"]["amount"], commit["status"]) == ("INV-000001", "36.00", "paid")
    assert lines(month) == [
        ("Input tokens", "42.27"),
        ("Output tokens", "34.75"),
        ("Platform fee", "20.00"),
        ("Drawn from Prepaid usage", "-40.00"),
    ]
    assert (month["number"], month["total"]["amount"], month["status"]) == ("INV-000002", "57.02", "paid")
    assert summary["commit"]["balance"]["amount"] == "0.00"
    assert (summary["stripe"]["invoices"], summary["stripe"]["payments"]) == (2, 2)
    assert summary["crm"]["stage"] == "Closed Won"
    assert summary["journal"]["debits"] == summary["journal"]["credits"]
    first, again = (sorted((tmp_path / out).iterdir()) for out in ("first", "again"))
    assert [each.name for each in first] == [
        "invoice-INV-000001.pdf",
        "invoice-INV-000002.pdf",
        "journal.csv",
        "quote.pdf",
        "summary.json",
    ]
    assert [each.read_bytes() for each in first] == [each.read_bytes() for each in again]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("2023-11-17 08:00:00,12", "it has 2 fields"),
        ("yesterday,1,2", "TIMESTAMP 'yesterday'"),
        ("2023-11-17 08:00:00,-1,2", "ContextTokens '-1'"),
        ("2023-11-17 08:00:00,1,2.5", "GeneratedTokens '2.5'"),
        ("2023-10-31 23:59:59,1,2", "outside the contract"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_written(tmp_path: Path, row: str, says: str) -> None:
    done = journey(tmp_path, USAGE + row + "\n", "out")
    assert done.returncode == 1
    assert "Row 3 (line 4)" in done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
