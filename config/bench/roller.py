"""Keeps the daily totals up, until it is ended: a process of its own beside the bench's web server."""

import time

import django

django.setup()

from metering.rollups import roll_up  # noqa: E402

while True:
    if not roll_up():
        time.sleep(0.1)
