"""A Quoin with one customer and one meter, whose web server is killed and started again; see `tests.clients.server`.

Fills its database, then says `key KEY`. Before it ends, `books` on standard input has it roll usage up and say how many
differences there are between daily totals and events.
"""

import os
import sys
from contextlib import suppress
from signal import SIGKILL

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.urls import resolve  # noqa: E402

from governance import clock  # noqa: E402
from governance.acts import Act  # noqa: E402
from governance.keys import make_key  # noqa: E402
from metering.meters.defining import define_meter  # noqa: E402
from metering.postgres.rollups import differences, roll_up  # noqa: E402
from tests import cast  # noqa: E402
from tests.clients.server import Web, say  # noqa: E402


def main() -> None:
    key = filled()
    resolve("/api/v1/usage-events")  # reads every door, once for all starts
    connections.close_all()
    say(f"key {key}")
    groups: list[int] = []
    for line in sys.stdin:
        if line.startswith("books"):
            say(str(books()))
            continue
        group = os.fork()
        if not group:
            os.setsid()
            Web(line.split()[1]).run()
        groups.append(group)
        say(str(group))
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, SIGKILL)


def filled() -> str:
    """A key that may report."""
    call_command("migrate", verbosity=0)
    act = Act.of_system("chaos", "To be killed", clock.now())
    cast.customer("contoso")
    define_meter(key="tokens", name="Tokens", event_type="llm.request", aggregation="sum", property="tokens", act=act)
    return make_key(name="gateway", scopes=["usage:write"], act=act)[1]


def books() -> int:
    while roll_up():
        pass
    with connection.cursor() as cursor:
        found = 0
        for statement in differences():
            cursor.execute(statement)
            found += len(cursor.fetchall())
    connections.close_all()  # PostgreSQL may be shut down before we are asked again
    return found


if __name__ == "__main__":
    main()
