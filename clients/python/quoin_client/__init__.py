"""Reports usage to Quoin. What `Client.record` took is on disk, and is sent until Quoin has answered for it."""

from quoin_client.client import Client
from quoin_client.dead_letters import DeadLetter
from quoin_client.spool import SpoolFull

__all__ = ["Client", "DeadLetter", "SpoolFull"]
