"""How fast, against the limit of the same machine in the same minute: `manage.py bench NAME`.

A bench is a function of (usage, progress) that yields `Figure`s, named in `BENCHES`; `usage` takes `events` too.
Absolute numbers say little on somebody else's machine; each comes with what the bare tool below it (COPY, `rate()`,
WeasyPrint) does with the same data right after.
"""

from collections.abc import Callable, Iterator

from config.bench import contracts, ingest, journey, pricing, usage, usage_clickhouse
from config.bench.figures import Figure, Progress

BENCHES: dict[str, Callable[..., Iterator[Figure]]] = {
    "contracts": contracts.figures,
    "ingest": ingest.figures,
    "journey": journey.figures,
    "pricing": pricing.figures,
    "usage": usage.figures,
}

if usage_clickhouse.is_here():
    usage.WORLDS.append(usage_clickhouse.ClickHouse)

__all__ = ["BENCHES", "Figure", "Progress"]
