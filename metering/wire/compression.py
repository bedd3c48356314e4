"""Packed bodies, unpacked only as far as a request may go: a bomb is refused long before it is large."""

import zlib
from collections.abc import Callable

import zstandard

from metering.wire.events import MAX_BYTES, TooLarge, Unreadable

_GZIP = 16 + zlib.MAX_WBITS
_WINDOW = 8 * 1024 * 1024  # what RFC 8878 asks every decoder to bear
# zstd writes 128 kB of one byte in four: so much at a time inflates to 8 MB at the most.
_SIP = 256
_MOST_PIECES = 100  # packed one by one and joined, as spools do; each costs time however little it holds


class UnknownEncoding(Unreadable):
    """Packed in a way that we do not know."""


def inflated(body: bytes, encoding: str) -> bytes:
    """The body as it was before it was packed; `encoding` is its Content-Encoding, "" for none.

    Raises `TooLarge` beyond MAX_BYTES, packed or unpacked, `UnknownEncoding`, and `Unreadable` for what is damaged or
    cut off: a part of a batch must never pass for the whole.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ENCODINGS:
        raise UnknownEncoding(f"Content-Encoding can be {' or '.join(ENCODINGS)}, not {encoding[:40]!r}.")
    if len(body) > MAX_BYTES:
        raise _too_large()
    try:
        return ENCODINGS[encoding](body)
    except (zlib.error, zstandard.ZstdError) as problem:
        raise Unreadable(f"The body cannot be unpacked as {encoding}: {problem}.") from None


def _gunzipped(body: bytes) -> bytes:
    whole = b""
    for _ in range(_MOST_PIECES):
        member = zlib.decompressobj(_GZIP)
        whole += member.decompress(body, MAX_BYTES + 1 - len(whole))
        if len(whole) > MAX_BYTES:
            raise _too_large()
        if not member.eof:
            raise Unreadable("The body ends before its gzip does; nothing was stored.")
        if not (body := member.unused_data):
            return whole
    raise _too_scattered()


def _unzstd(body: bytes) -> bytes:
    parts: list[bytes] = []
    size, frames, frame = 0, 0, None
    for start in range(0, len(body), _SIP):
        sip = body[start : start + _SIP]
        while sip:
            if frame is None:
                frame, frames = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj(), frames + 1
            parts.append(frame.decompress(sip))
            size += len(parts[-1])
            if size > MAX_BYTES:
                raise _too_large()
            if frames > _MOST_PIECES:
                raise _too_scattered()
            sip, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None or not body:
        raise Unreadable("The body ends before its zstd does; nothing was stored.")
    return b"".join(parts)


def _too_scattered() -> Unreadable:
    return Unreadable(f"The body is packed in more than {_MOST_PIECES} pieces; pack it as one.")


def _too_large() -> TooLarge:
    return TooLarge(f"The body is larger than {MAX_BYTES:,} bytes, unpacked; send smaller batches.")


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {"gzip": _gunzipped, "zstd": _unzstd}
