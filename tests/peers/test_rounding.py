"""Every case of the peers' rounding, asked of our kernel."""

from pathlib import Path

from tests.peers import rounding
from tests.peers.judge import judge
from tests.peers.vectors import Vector


def test_rounding_is_what_the_peer_answers(rounding_vector: Vector | Path) -> None:
    judge(rounding_vector, rounding.answer)
