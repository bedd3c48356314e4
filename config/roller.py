"""Keeps the daily totals up, until it is ended: a process of its own beside the bench's web server.

Says `ready` when it is.
"""

import sys
import time

import django

django.setup()

from metering.postgres.rollups import roll_up  # noqa: E402

sys.stdout.write("ready\n")
sys.stdout.flush()
while True:
    if not roll_up():
        time.sleep(0.1)
