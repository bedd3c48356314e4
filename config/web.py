"""The web server's command line: the same for `make run`, the image and the bench."""

from collections.abc import Sequence


def command(host: str, port: int, *, workers: int, threads: int) -> Sequence[str]:
    """What Python is to run (`python ARGUMENTS`)."""
    bind = f"[{host}]" if ":" in host else host
    return [
        "-m",
        "gunicorn",
        "config.wsgi",
        f"--bind={bind}:{port}",
        f"--workers={workers}",
        f"--threads={threads}",
        "--log-level=warning",
        "--graceful-timeout=10",
    ]
