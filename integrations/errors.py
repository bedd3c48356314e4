"""How a call to the outside may fail: worth another try, or not."""


class Transient(Exception):
    """The other side could not answer now; the same call later may well succeed.

    `retry_after` is the number of seconds the other side asked us to wait, when it said so.
    """

    def __init__(self, sentence: str, *, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class Permanent(Exception):
    """The other side understood and declined, or answered what must not be: repeating will not help.

    The text is a sentence for the person who looks at the failed delivery.
    """


class Irrelevant(Exception):
    """What an outsider told us is true, and nothing of ours."""
