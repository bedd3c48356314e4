"""Where the ClickHouse is, and how it is spoken to."""

from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from django.db.utils import OperationalError

PLAIN, SECURE, IN_PROCESS = "clickhouse", "clickhouses", "chdb"
PATIENCE = 20
"""Seconds until a statement is given up, while somebody waits for it."""
LONG_PATIENCE = 3600
"""For work that reads or changes everything."""

_ALWAYS = {
    # A question carries the customers it is about, and the events that are void.
    "max_query_size": 1 << 30,
    "max_ast_elements": 10_000_000,
    "max_expanded_ast_elements": 10_000_000,
    # Copies of a row are always in one partition, because they have the same instant.
    "do_not_merge_across_partitions_select_final": 1,
    # Every question is another text; compiling it takes longer than answering.
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
}
_OF_A_CLUSTER = {
    # A row is on its shard, and on most of its replicas, before an insert returns; a question finds it on any of them.
    "distributed_foreground_insert": 1,
    "insert_quorum": "auto",
    "insert_quorum_parallel": 0,
    "select_sequential_consistency": 1,
}


@dataclass(frozen=True, slots=True)
class Address:
    """`clickhouse://user:password@host:port/database`, `clickhouses://…` for TLS, `chdb:///folder` for the engine
    inside this process (one process only: for tests and benches; without a folder it is in memory).

    `cluster` is the name of a cluster that this server knows; empty: the server stands alone.
    """

    url: str
    cluster: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in (PLAIN, SECURE, IN_PROCESS) or (parts.scheme != IN_PROCESS and not parts.hostname):
            raise ValueError("EVENT_STORE_URL is clickhouse://user:password@host:port/database, or empty.")

    def __str__(self) -> str:
        """Without the password."""
        parts = urlsplit(self.url)
        if parts.scheme == IN_PROCESS:
            return f"{IN_PROCESS}://{parts.path}"
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}/{self.database}"

    @property
    def database(self) -> str:
        parts = urlsplit(self.url)
        return "default" if parts.scheme == IN_PROCESS else unquote(parts.path.strip("/")) or "default"

    def client(self, patience: int = PATIENCE) -> Client:
        """The one of this process that is so patient; several threads may use it at once."""
        return _client(self, patience)


class Unavailable(OperationalError):
    """ClickHouse did not do what was asked: what is being stored is not stored, and may be sent again."""


@cache
def _client(address: Address, patience: int) -> Client:
    parts = urlsplit(address.url)
    settings: dict[str, Any] = _ALWAYS | (_OF_A_CLUSTER if address.cluster else {})
    try:
        if parts.scheme == IN_PROCESS:
            return clickhouse_connect.get_client(interface="chdb", path=parts.path or None, settings=settings)
        return clickhouse_connect.get_client(
            host=parts.hostname or "",
            port=parts.port or (8443 if parts.scheme == SECURE else 8123),
            username=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            database=address.database,
            secure=parts.scheme == SECURE,
            settings=settings,
            # Threads share the client, and a session is for one statement at a time.
            autogenerate_session_id=False,
            connect_timeout=5,
            send_receive_timeout=patience,
        )
    except ClickHouseError as problem:
        raise Unavailable(f"{address}: {problem}") from problem
