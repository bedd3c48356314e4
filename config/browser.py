"""Which Chromium there is on this machine; for the browser tests and the screenshots. Prints it when run."""

import shutil
from pathlib import Path

COMMANDS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
MAC_APPLICATIONS = [
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def executable() -> str | None:
    """The path of a Chromium or Chrome: the system's, or one that `playwright install` brought."""
    for command in COMMANDS:
        if found := shutil.which(command):
            return found
    fetched = (Path.home() / ".cache" / "ms-playwright").glob("chromium-*/chrome-linux*/chrome")
    return next((str(path) for path in [*MAC_APPLICATIONS, *fetched] if path.exists()), None)


if __name__ == "__main__":
    print(executable() or "")  # noqa: T201
