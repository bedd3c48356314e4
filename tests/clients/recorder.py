"""Reports usage until it is killed: `recorder.py URL KEY SPOOL SOURCE` says each id once it is recorded."""

import sys

from quoin_client import Client


def main(url: str, key: str, spool: str, source: str) -> None:
    client = Client(url, key, spool=spool, source=source, batch_size=20, batch_seconds=0.01)
    while True:
        event_id = client.record("llm.request", "contoso", {"input_tokens": 1})
        sys.stdout.write(f"{event_id}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
