"""The tables in ClickHouse, as numbered migrations: applied in order, each once."""

from dataclasses import dataclass
from uuid import UUID

from metering.clickhouse.address import LONG_PATIENCE, Address
from metering.wire.scalars import PLAIN_NUMBER

EVENTS = "usage_event"
VERSIONS = "usage_migration"
OWNERS = "usage_owner"
KEPT = f"{EVENTS}_kept"
"""Where the rows of a cluster's shard are; alone, EVENTS is both."""

_COLUMNS = f"""
    id UInt64,
    source String,
    event_id String,
    type LowCardinality(String),
    customer_key String,
    alias String,
    occurred_at DateTime64(6, 'UTC'),
    is_billable Bool,
    properties String CODEC(ZSTD(3)),
    texts Map(LowCardinality(String), String),
    nested Map(LowCardinality(String), String),
    numbers Map(LowCardinality(String), Decimal256(18)) MATERIALIZED mapApply(
        (name, text) -> (name, toDecimal256(text, 18)),
        mapFilter((name, text) -> match(text, '^(?:{PLAIN_NUMBER.replace(chr(92), chr(92) * 2)})$'), texts)
    )
"""
# Only copies of one stored row are one row: a row sent again because nobody heard that it arrived. The order does not
# tell events apart by identity, for a row that never came to count could then replace one that does.
_ORDER = """
    PARTITION BY toYYYYMM(occurred_at)
    ORDER BY (customer_key, type, occurred_at, id)
"""
_ALONE = "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000"
_REPLICATED = "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 10000"
_PATH = "'/clickhouse/tables/{uuid}/{shard}', '{replica}'"
_PATH_OF_ALL = "'/clickhouse/tables/{uuid}/all', '{shard}-{replica}'"
"""For small tables that every server of the cluster has a copy of."""


@dataclass(frozen=True, slots=True)
class Migration:
    """Statements for a server that stands alone, and those for a cluster; `{on}` becomes ON CLUSTER and its name."""

    number: int
    name: str
    alone: tuple[str, ...]
    cluster: tuple[str, ...]

    def statements(self, cluster: str) -> list[str]:
        on = f"ON CLUSTER {quoted(cluster)}" if cluster else ""
        of_it = self.cluster if cluster else self.alone
        return [
            statement.replace("{on}", on).replace("{cluster}", quoted(cluster)).replace("{columns}", _COLUMNS)
            for statement in of_it
        ]


def quoted(name: str) -> str:
    """A name as ClickHouse reads it."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


MIGRATIONS = [
    Migration(
        1,
        "events",
        alone=(f"CREATE TABLE IF NOT EXISTS {EVENTS} ({{columns}}) ENGINE = ReplacingMergeTree {_ORDER} {_ALONE}",),
        cluster=(
            (
                f"CREATE TABLE IF NOT EXISTS {KEPT} {{on}} ({{columns}}) "
                f"ENGINE = ReplicatedReplacingMergeTree({_PATH}) {_ORDER} {_REPLICATED}"
            ),
            (
                f"CREATE TABLE IF NOT EXISTS {EVENTS} {{on}} AS {KEPT} "
                f"ENGINE = Distributed({{cluster}}, currentDatabase(), '{KEPT}', cityHash64(customer_key))"
            ),
        ),
    ),
    Migration(
        2,
        "find events by number",
        alone=(
            f"ALTER TABLE {EVENTS} ADD INDEX IF NOT EXISTS by_number id TYPE minmax GRANULARITY 1",
            f"ALTER TABLE {EVENTS} ADD INDEX IF NOT EXISTS by_id event_id TYPE bloom_filter(0.01) GRANULARITY 4",
        ),
        cluster=(
            f"ALTER TABLE {KEPT} {{on}} ADD INDEX IF NOT EXISTS by_number id TYPE minmax GRANULARITY 1",
            f"ALTER TABLE {KEPT} {{on}} ADD INDEX IF NOT EXISTS by_id event_id TYPE bloom_filter(0.01) GRANULARITY 4",
        ),
    ),
    Migration(
        3,
        "whose events they are",
        alone=(f"CREATE TABLE IF NOT EXISTS {OWNERS} (token String) ENGINE = MergeTree ORDER BY token",),
        cluster=(
            (
                f"CREATE TABLE IF NOT EXISTS {OWNERS} {{on}} (token String) "
                f"ENGINE = ReplicatedMergeTree({_PATH_OF_ALL}) ORDER BY token"
            ),
        ),
    ),
]
_VERSIONS_ALONE = f"""
    CREATE TABLE IF NOT EXISTS {VERSIONS} (number UInt32, name String, applied_at DateTime64(6, 'UTC') DEFAULT now64(6))
    ENGINE = MergeTree ORDER BY number
"""
_VERSIONS_CLUSTER = f"""
    CREATE TABLE IF NOT EXISTS {VERSIONS} {{on}}
        (number UInt32, name String, applied_at DateTime64(6, 'UTC') DEFAULT now64(6))
    ENGINE = ReplicatedMergeTree({_PATH_OF_ALL}) ORDER BY number
"""


def missing(address: Address) -> list[Migration]:
    """The migrations that were not applied yet."""
    client = address.client()
    if not client.query(f"EXISTS TABLE {VERSIONS}").result_rows[0][0]:
        return list(MIGRATIONS)
    applied = {number for (number,) in client.query(f"SELECT number FROM {VERSIONS}").result_rows}  # noqa: S608
    return [each for each in MIGRATIONS if each.number not in applied]


def migrate(address: Address) -> list[Migration]:
    """Apply what is missing, in order; gives what was applied. Each statement may run twice without harm."""
    client = address.client(LONG_PATIENCE)
    versions = Migration(0, "versions", (_VERSIONS_ALONE,), (_VERSIONS_CLUSTER,))
    wanted = missing(address)
    for migration in [versions, *wanted] if wanted else []:
        for statement in migration.statements(address.cluster):
            client.command(statement)
        if migration.number:
            client.insert(VERSIONS, [[migration.number, migration.name]], column_names=["number", "name"])
    return wanted


def own(address: Address, owner: UUID) -> None:
    """Write down, once, whose events are kept here."""
    address.client().insert(OWNERS, [[str(owner)]], column_names=["token"])


def token(address: Address) -> UUID | None:
    """Whose events are kept here; None if nobody's."""
    client = address.client()
    if not client.query(f"EXISTS TABLE {OWNERS}").result_rows[0][0]:
        return None
    rows = client.query(f"SELECT token FROM {OWNERS} LIMIT 1").result_rows  # noqa: S608
    return UUID(rows[0][0]) if rows else None


def kept_in(address: Address) -> str:
    """The table to change rows in, with ON CLUSTER where there is one."""
    return f"{KEPT} ON CLUSTER {quoted(address.cluster)}" if address.cluster else EVENTS
