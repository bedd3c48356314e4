"""`manage.py demo`: the demo company, once."""

from typing import Any

from django.core.management.base import BaseCommand

from config.demo import load
from governance import clock


class Command(BaseCommand):
    help = "Load the demo company unless a company is there already. Needs `manage.py install` before it."

    def handle(self, *args: Any, **options: Any) -> None:
        made = load(clock.now())
        self.stdout.write(
            "The demo company is in place." if made else "A company is there already; nothing was changed."
        )
