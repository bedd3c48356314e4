"""What docs/pricing.md shows is true: its charges can be priced and read so, its file can be read."""

import json
import re
from pathlib import Path

from catalog.portable.document import read
from pricing.charges import KINDS, load

PAGE = (Path(__file__).parents[2] / "docs" / "pricing.md").read_text()


def test_one_charge_of_every_kind_reads_as_it_says() -> None:
    shown = [json.loads(line) for block in re.findall(r"```json\n(.*?)```", PAGE, re.S) for line in block.splitlines()]
    assert {charge["kind"] for charge in shown} == set(KINDS)
    said = dict(re.findall(r"^\| (\w+) \| (.+) \|$", PAGE, re.M))
    assert {charge["kind"]: load(charge).sentence("USD") for charge in shown} == {kind: said[kind] for kind in KINDS}


def test_the_file_can_be_read() -> None:
    [file] = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    assert read(file).rate_cards["standard"].version.reach == "at_renewal"
