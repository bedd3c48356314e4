"""Puts the task queue's tables into the database, where the database is the broker."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection, transaction
from pgmq.install import get_embedded_install_sql

ANY_NUMBER = 7_046_531


class Command(BaseCommand):
    help = "Installs what Celery needs to use this PostgreSQL as its broker. Harmless to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.CELERY_BROKER_URL.startswith("pgmq:"):
            self.stdout.write(self.style.NOTICE("The broker is not the database: nothing to install."))
            return
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ANY_NUMBER])
            cursor.execute("SELECT to_regclass('pgmq.meta') IS NOT NULL")
            if cursor.fetchone() == (False,):
                cursor.execute(get_embedded_install_sql())
