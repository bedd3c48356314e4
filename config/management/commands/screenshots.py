"""`manage.py screenshots`: the pictures of the README, taken anew."""

import logging
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import screenshots

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "images"


class Command(BaseCommand):
    help = "Take the pictures of the README with this machine's Chromium, in a database of their own."
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        logging.disable(logging.WARNING)
        try:
            for path in screenshots.take(FOLDER):
                self.stdout.write(f"{path}  {path.stat().st_size / 1024:.0f} kB")
        except screenshots.NoPicture as problem:
            raise CommandError(str(problem)) from problem
