from pathlib import Path

import psycopg
import pytest

from config import postgres

FIRST, LAST = "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('kept')", "SELECT word FROM kept"


def test_the_last_user_stops_the_server_and_nothing_is_lost(folder: Path) -> None:
    data_dir = folder / "postgres"
    with postgres.running(data_dir) as url:
        with psycopg.connect(url) as connection:
            connection.execute(FIRST)
        with postgres.running(data_dir) as same:
            assert same == url
        with psycopg.connect(url) as connection:
            assert connection.execute(LAST).fetchone() == ("kept",)
    assert not (data_dir / "postmaster.pid").exists()


def test_it_is_set_for_many_events_and_what_somebody_set_goes_before(folder: Path) -> None:
    def settings(url: str, do: str = "SELECT 1") -> list[str]:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(do)
            names = ("max_wal_size", "checkpoint_timeout", "fsync")
            return [connection.execute(f"SHOW {name}").fetchone()[0] for name in names]

    with postgres.running(folder / "postgres") as url:
        assert settings(url, "ALTER SYSTEM SET checkpoint_timeout = '10min'") == ["4GB", "15min", "on"]
    with postgres.running(folder / "postgres") as url:
        assert settings(url) == ["4GB", "10min", "on"]
    assert (folder / "postgres" / "postgresql.conf").read_text().count("quoin.conf") == 1


def test_a_file_in_place_of_the_folder_is_one_sentence(folder: Path) -> None:
    (folder / "postgres").write_text("a letter")
    with pytest.raises(postgres.Unavailable) as refusal, postgres.running(folder / "postgres"):
        pytest.fail("started on a file")
    assert str(refusal.value) == (
        f"{folder}/postgres should be the folder of the embedded PostgreSQL, but is a file; move it away."
    )
    assert (folder / "postgres").read_text() == "a letter"


def test_a_damaged_folder_is_one_sentence(folder: Path) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("18\n")
    with pytest.raises(postgres.Unavailable) as refusal, postgres.running(folder / "postgres"):
        pytest.fail("started on a ruin")
    assert str(refusal.value) == (
        f"The embedded PostgreSQL in {folder}/postgres does not start (its log is {folder}/postgres/log). "
        "Move the folder away to begin anew, or set DATABASE_URL to use another server."
    )
