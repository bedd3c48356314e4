"""`manage.py ingest FILE… --source NAME`: usage from files, as it would come by the API."""

import time
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from metering.wire.events import Unreadable
from metering.wire.files import check_name
from metering.wire.loading import WORDS, Loaded, load

SECONDS_BETWEEN = 1


class Command(BaseCommand):
    help = (
        "Take in usage from files: .csv, .ndjson or .jsonl, also with .gz. Run it again whenever it was interrupted: "
        "what is counted already is not counted twice. Ends with 1 when something could not be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument(
            "--source",
            required=True,
            help="whose events these are, where they do not say; keep it: an id counts once for each source",
        )

    def handle(self, *args: Any, files: list[Path], source: str, **options: Any) -> None:
        if not 0 < len(source) <= 120 or not source.isprintable():
            raise CommandError("--source: a name of 1 to 120 characters.")
        for path in files:
            self._check(path)
        whole = [self._take(path, source) for path in files]
        if not all(whole):
            raise CommandError("Not everything could be read; the rest is stored. Mend those lines and run it again.")

    def _check(self, path: Path) -> None:
        """Before anything is stored."""
        try:
            check_name(path.name)
            path.open("rb").close()
        except Unreadable as refusal:
            raise CommandError(refusal.detail) from None
        except OSError as problem:
            raise CommandError(f"{path}: {problem.strerror}.") from None

    def _take(self, path: Path, source: str) -> bool:
        loaded, told_at = Loaded(), time.monotonic()
        try:
            with path.open("rb") as file:
                for loaded in load(file, path.name, source=source):
                    if time.monotonic() - told_at > SECONDS_BETWEEN:
                        told_at = time.monotonic()
                        self.stderr.write(f"  … {path}: {_percent(file, path)} {sum(loaded.counts.values()):,} events")
        except Unreadable as refusal:
            raise CommandError(f"{path}: {refusal.detail}") from None
        except (OperationalError, InterfaceError) as problem:
            reason = str(problem).partition("\n")[0]
            raise CommandError(
                f"{path}: stored up to line {loaded.last_line:,}, then the database gave up ({reason}). Run it again."
            ) from None
        self._tell(path, loaded)
        return loaded.is_whole

    def _tell(self, path: Path, loaded: Loaded) -> None:
        self.stdout.write(f"{path}: " + ", ".join(f"{count:,} {words}" for count, words in loaded.words) + ".")
        for remark in loaded.remarks:
            self.stdout.write(f"  line {remark.line}: {WORDS[remark.outcome]}: {remark.detail}")
        if not_told := sum(loaded.counts[name] for name in WORDS if name not in ("accepted", "duplicate")) - len(
            loaded.remarks
        ):
            self.stdout.write(f"  and {not_told:,} more.")
        if loaded.broken_off:
            self.stdout.write(f"  after line {loaded.last_line}: {loaded.broken_off}")


def _percent(file: IO[bytes], path: Path) -> str:
    return f"{100 * file.tell() / max(path.stat().st_size, 1):.0f} %,"
