"""`manage.py bench NAME`: how fast, beside the limit of this machine. With --json one line per figure."""

import json
import logging
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from config.bench import BENCHES, Figure
from config.journey import usage_file


class Command(BaseCommand):
    help = "Measure how fast it is, each figure beside the limit of this machine measured in the same run."
    requires_system_checks: list[str] = []  # they ask the user's database, which is left alone

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help=f"which bench: {', '.join(BENCHES)}")
        parser.add_argument("--json", action="store_true", help="one JSON object per figure and line, on stdout")
        parser.add_argument("--usage", type=Path, help="CSV as for `manage.py journey`; otherwise a made-up month")

        parser.add_argument("--events", type=int, help="how many events `bench usage` stores; 1,000,000 unless told")

    def handle(self, *args: Any, name: str, usage: Path | None, **options: Any) -> None:
        if name not in BENCHES:
            raise CommandError(f"There is no bench {name!r}; there is {', '.join(BENCHES)}.")
        try:
            requests = usage_file.read(usage) if usage else usage_file.made_up()
        except usage_file.BadFile as problem:
            raise CommandError(str(problem)) from problem
        logging.disable(logging.WARNING)
        if options["events"] and name != "usage":
            raise CommandError("--events is for `bench usage`.")
        more = {"events": options["events"]} if options["events"] else {}
        figures = []
        with Console(stderr=True).status("Setting the stage") as status:
            for figure in BENCHES[name](requests, status.update, **more):
                figures.append(figure)
                if options["json"]:
                    self.stdout.write(json.dumps(figure.as_json()))
                    self.stdout.flush()
        if not options["json"]:
            self._show(figures)

    def _show(self, figures: list[Figure]) -> None:
        width = max(len(each.case) for each in figures)
        self.stdout.write(f"{'':{width}}  {'value':>10}  {'limit':>10}  {'ratio':>7}  unit")
        for each in figures:
            value, limit, ratio = (f"{number:,.4g}" if number < 1000 else f"{number:,.0f}" for number in each.numbers)
            self.stdout.write(f"{each.case:{width}}  {value:>10}  {limit:>10}  {ratio:>7}  {each.unit}")
        self.stdout.write("The ratio says how near the limit of this machine it comes, which is 1.")
