"""`manage.py journey`: one customer's whole story, from a published price to booked cash, in a throw-away database."""

import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from config.journey import story, summary, usage_file
from config.journey.stage import stage


class Command(BaseCommand):
    help = "Play a customer's story from a published price to booked cash, in a database of its own."
    requires_system_checks: list[str] = []  # they ask the user's database, which may not be there yet

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--usage", type=Path, help="CSV with TIMESTAMP, ContextTokens, GeneratedTokens, a row a request"
        )
        parser.add_argument("--out", type=Path, required=True, help="folder for summary.json, the PDFs and journal.csv")

    def handle(self, *args: Any, usage: Path | None, out: Path, **options: Any) -> None:
        try:
            requests = usage_file.read(usage) if usage else usage_file.made_up()
        except usage_file.BadFile as problem:
            raise CommandError(str(problem)) from problem
        if out.exists() and not out.is_dir():
            raise CommandError(f"{out} is a file; --out names a folder.")
        logging.disable(logging.WARNING)
        result = self._play(requests, out)
        self._report(result, out)

    def _play(self, requests: list[usage_file.Request], out: Path) -> dict[str, Any]:
        columns = (TextColumn("[bold]{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console()) as bar:
            task = bar.add_task("Setting the stage", total=None)

            def progress(what: str, done: int, of: int) -> None:
                bar.update(task, description=what, completed=done, total=of)

            with stage() as place, tempfile.TemporaryDirectory() as kept:
                told = story.Story(place, requests, usage_file.first_month(requests), progress)
                story.play(told)
                result = summary.write(told, Path(kept))
                shutil.copytree(kept, out, dirs_exist_ok=True)
        return result

    def _report(self, result: dict[str, Any], out: Path) -> None:
        usage, commit, journal = result["usage"], result["commit"], result["journal"]
        again = f"{usage['duplicates']:,} sent again and not counted twice"
        self.stdout.write(f"Usage    {usage['events']:,} requests, {again}")
        for invoice in result["invoices"]:
            total = f"{invoice['total']['amount']:>12} {invoice['currency']}"
            self.stdout.write(f"Invoice  {invoice['number']}  {invoice['kind']:<7}{total}  {invoice['status']}")
        drawn, granted = commit["drawn"]["amount"], commit["granted"]["amount"]
        self.stdout.write(f"Commit   {drawn} drawn of {granted} granted")
        debit, credit = journal["debits"]["amount"], journal["credits"]["amount"]
        self.stdout.write(f"Journal  {journal['entries']} entries, debits {debit}, credits {credit}")
        self.stdout.write(f"Everything is in {out}.")
