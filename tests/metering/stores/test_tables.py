"""The tables in ClickHouse: each migration once, on a server that stands alone and on a cluster."""

import pytest

from metering.clickhouse import tables
from metering.clickhouse.address import Address


def test_migrations_are_numbered_and_each_is_applied_once(address: Address) -> None:
    assert [each.number for each in tables.MIGRATIONS] == list(range(1, len(tables.MIGRATIONS) + 1))
    assert tables.missing(address) == []
    assert tables.migrate(address) == []
    applied = address.client().query(f"SELECT number, name FROM {tables.VERSIONS} ORDER BY number").result_rows
    assert list(applied) == [(each.number, each.name) for each in tables.MIGRATIONS]


def test_a_migration_that_broke_off_is_applied_again(address: Address) -> None:
    client, last = address.client(), tables.MIGRATIONS[-1]
    client.command(f"ALTER TABLE {tables.VERSIONS} DELETE WHERE number = {last.number}", settings={"mutations_sync": 2})
    assert tables.missing(address) == [last]
    assert tables.migrate(address) == [last]
    assert tables.migrate(address) == []


@pytest.mark.parametrize("cluster", ["", "usage", "odd`name"])
def test_every_statement_can_be_read(address: Address, cluster: str) -> None:
    for migration in tables.MIGRATIONS:
        for statement in migration.statements(cluster):
            address.client().query(f"EXPLAIN AST {statement}")
            assert ("ON CLUSTER" in statement) is bool(cluster)


def test_on_a_cluster_rows_are_replicated_and_spread_by_customer() -> None:
    kept, spread = tables.MIGRATIONS[0].statements("usage")
    assert "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')" in kept
    assert "Distributed(`usage`, currentDatabase(), 'usage_event_kept', cityHash64(customer_key))" in spread


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("clickhouse://user:pass@host:9000/usage", "clickhouse://host:9000/usage"),
        ("clickhouses://user:p%40ss@host/usage", "clickhouses://host/usage"),
        ("clickhouse://host", "clickhouse://host/default"),
        ("chdb:///tmp/folder", "chdb:///tmp/folder"),
    ],
)
def test_an_address_is_told_without_its_password(url: str, told: str) -> None:
    assert str(Address(url)) == told


@pytest.mark.parametrize("url", ["", "postgres://host/name", "clickhouse://", "host:8123"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="EVENT_STORE_URL is clickhouse://user:password@host:port/database"):
        Address(url)
