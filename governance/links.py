"""Signed links: a token that names one record and nothing else, always the same, that nobody can make up."""

from uuid import UUID

from django.core.signing import BadSignature, Signer


def signed(pk: UUID, salt: str) -> str:
    """The token of a record; the salt says what kind of link it is for."""
    return _signer(salt).sign(pk.hex)


def named(token: str, salt: str) -> UUID | None:
    """The record that a token names; None for one that we did not sign for this kind of link."""
    try:
        return UUID(_signer(salt).unsign(token))
    except (BadSignature, ValueError):
        return None


def _signer(salt: str) -> Signer:
    return Signer(sep=".", salt=salt)
