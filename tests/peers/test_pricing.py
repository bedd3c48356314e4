"""Every case of the peers' pricing, asked of our kernel."""

from pathlib import Path

from tests.peers import pricing
from tests.peers.judge import judge
from tests.peers.vectors import Vector


def test_pricing_is_what_the_peer_answers(pricing_vector: Vector | Path) -> None:
    judge(pricing_vector, pricing.answer)
