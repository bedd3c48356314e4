"""A Quoin that is killed and started again at once: Django is made ready here, each start forks a gunicorn from it.

A line `start PORT` on standard input is answered with the number of its process group.
"""

import os
import signal
import sys
from contextlib import suppress
from typing import Any

from django.urls import resolve
from gunicorn.app.base import BaseApplication

from config.wsgi import application


class Web(BaseApplication):
    def __init__(self, port: str) -> None:
        self.port = port
        super().__init__()

    def load_config(self) -> None:
        options = {"bind": f"127.0.0.1:{self.port}", "workers": 2, "threads": 2, "loglevel": "critical"}
        for name, value in (options | {"control_socket_disable": True}).items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return application


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    resolve("/api/v1/usage-events")  # reads every door, once for all starts
    groups = []
    say("ready")
    for line in sys.stdin:
        _, port = line.split()
        group = os.fork()
        if not group:
            os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            Web(port).run()
        groups.append(group)
        say(str(group))
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
