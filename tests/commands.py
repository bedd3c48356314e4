"""Run `manage.py` as a stranger would: in a process of its own, on the tests' server but not in their database."""

import os
import subprocess
import sys
from urllib.parse import urlsplit

from django.conf import settings

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
