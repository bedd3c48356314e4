"""A process that is killed: started with Django ready, it forks a worker for each line of its standard input.

A line is `bill INSTANT` or `deliver INSTANT`; it answers with the worker's number, and later with what became of it:
`killed`, `finished` or `failed`.
"""

import json
import os
import sys
from datetime import datetime

import django
from django.conf import settings

# The database and the outside world of the test that started us.
for name, value in json.loads(os.environ["QUOIN_VICTIM_SETTINGS"]).items():
    setattr(settings, name, value)
django.setup()

from integrations import outbox  # noqa: E402
from tests.chaos import world  # noqa: E402

WORK = {"bill": lambda at: world.bill(at, chunk=2), "deliver": lambda at: outbox.drain(at=at)}


def main() -> None:
    say("ready")
    for line in sys.stdin:
        work, instant = line.split()
        worker = os.fork()
        if not worker:
            WORK[work](datetime.fromisoformat(instant))
            os._exit(0)
        say(str(worker))
        _, status = os.waitpid(worker, 0)
        say("killed" if os.WIFSIGNALED(status) else "finished" if status == 0 else "failed")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
