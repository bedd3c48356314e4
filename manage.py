#!/usr/bin/env python
"""The command line. Finds or starts the database first, so that every command works on its own."""

import os
import signal
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from config import postgres


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        with postgres.for_command(sys.argv[1:]):
            execute_from_command_line(sys.argv)
    except (postgres.Unavailable, ImproperlyConfigured) as problem:
        sys.exit(f"quoin: {problem}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
