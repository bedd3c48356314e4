"""After a new version is in place and before it starts: the database as this version wants it."""

from io import StringIO
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Brings the tables, the task queue and the roles up to date. Harmless to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("install_broker", stdout=StringIO())
        call_command("install", stdout=StringIO())
        if settings.EVENT_STORE_URL:
            call_command("move_events", adopt=True, stdout=self.stdout)
