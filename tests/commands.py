"""Run `manage.py` as a stranger would: in a process of its own, on the tests' server but not in their database.

Other processes that are to work in the test's own database are told its `address`.
"""

import os
import subprocess
import sys
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.db import connection

from config.environment import BASE_DIR


def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command's outcome. The database it is told of does not exist; commands with one of their own make it."""
    name = f"{settings.DATABASES['default']['NAME']}_{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}_apart"
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=os.environ | {"DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "config.settings"},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        timeout=300,
    )


def address() -> str:
    """Of the database that this test has."""
    known = connection.settings_dict
    where = urlencode({"host": known["HOST"], "port": known["PORT"]} if known["PORT"] else {"host": known["HOST"]})
    return f"postgres://{known['USER']}:{known['PASSWORD']}@/{known['NAME']}?{where}"
