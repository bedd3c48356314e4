"""`manage.py move_events --to clickhouse://…`: usage events from PostgreSQL to ClickHouse, while they keep coming."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.utils import OperationalError

from governance.clock import now
from metering.clickhouse import moving
from metering.clickhouse.address import Address


class Command(BaseCommand):
    help = (
        "Copy usage events to ClickHouse and compare them by day and meter. Run it again whenever it was interrupted. "
        "Once EVENT_STORE_URL is set to the same address everywhere, it changes over, if everything is equal. "
        "Ends with 1, and nothing changed over, when something differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", default=settings.EVENT_STORE_URL, help="clickhouse://user:password@host/database")
        parser.add_argument("--cluster", default=settings.EVENT_STORE_CLUSTER, help="the name of its cluster")
        parser.add_argument("--only-copy", action="store_true", help="copy and compare, but do not change over yet")
        parser.add_argument(
            "--adopt", action="store_true", help="bring its tables up to date; move only if none came yet"
        )

    def handle(self, *args: Any, to: str, cluster: str, **options: Any) -> None:
        try:
            address = Address(to, cluster)
            if options["adopt"]:
                self._adopt(address)
            else:
                self._move(address, only_copy=options["only_copy"])
        except moving.Unequal as unequal:
            for difference in unequal.differences:
                self.stdout.write(str(difference))
            raise CommandError("The copy is not equal; nothing was changed over.") from None
        except (ValueError, OperationalError) as problem:
            raise CommandError(str(problem)) from None

    def _adopt(self, address: Address) -> None:
        if not moving.adopt(address, at=now()):
            self.stdout.write("Usage events are still in PostgreSQL; `manage.py move_events` moves them.")

    def _move(self, address: Address, *, only_copy: bool) -> None:
        is_set = (address.url, address.cluster) == (settings.EVENT_STORE_URL, settings.EVENT_STORE_CLUSTER)
        moved = moving.move(address, at=now(), switch=is_set and not only_copy, tell=self._tell)
        self.stdout.write(f"{moved.copied:,} events copied, {moved.events:,} in all; equal by day and meter.")
        if moved.is_switched:
            self.stdout.write(f"Usage events are kept in {address} from now on.")
        elif is_set:
            self.stdout.write("Run it again without --only-copy to change over.")
        else:
            self.stdout.write("To change over, set this for every process, restart them, and run it again:")
            self.stdout.write(f"EVENT_STORE_URL={address.url}")
            if address.cluster:
                self.stdout.write(f"EVENT_STORE_CLUSTER={address.cluster}")

    def _tell(self, text: str) -> None:
        self.stderr.write(f"  … {text}")
