"""Where things are and what the environment says; the one place that reads `.env`."""

import os
import sys
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent

if "QUOIN_IGNORE_DOT_ENV" not in os.environ:
    environ.Env.read_env(BASE_DIR / ".env")
env = environ.Env()


def directory(name: str, default: Path) -> Path:
    """The absolute path that setting `name` gives; a relative one counts from the checkout."""
    return BASE_DIR / env.path(name, default=str(default))()


if sys.platform == "darwin":
    # Python does not look where Homebrew puts Pango, which WeasyPrint needs.
    os.environ.setdefault("DYLD_FALLBACK_LIBRARY_PATH", "/opt/homebrew/lib:/usr/local/lib:/usr/lib")
