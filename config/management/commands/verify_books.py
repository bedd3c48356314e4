"""`manage.py verify_books`: is everything that must always be true, true? Exit code 1 when something is not."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.books import breaches


class Command(BaseCommand):
    help = "Run every invariant as one query each and print what breaks it."

    def handle(self, *args: Any, **options: Any) -> None:
        broken = checked = 0
        for invariant, exceptions in breaches():
            checked += 1
            if exceptions:
                broken += 1
                self.stdout.write(self.style.ERROR(f"BROKEN  {invariant.says}"))
                for exception in exceptions:
                    self.stdout.write(f"        {exception}")
            elif options["verbosity"] > 1:
                self.stdout.write(f"holds   {invariant.says}")
        if broken:
            raise CommandError(f"{broken} of {checked} invariants do not hold.")
        self.stdout.write(f"All {checked} invariants hold.")
