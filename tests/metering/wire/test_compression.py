import gzip
import os
import tracemalloc
from collections.abc import Callable

import pytest
import zstandard

from metering.wire.compression import UnknownEncoding, inflated
from metering.wire.events import MAX_BYTES, TooLarge, Unreadable

SAID = b'{"id": "e1"}' * 1000
PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}
each_way = pytest.mark.parametrize("way", PACK)


@each_way
def test_a_packed_body_is_the_same_body(way: str) -> None:
    assert inflated(PACK[way](SAID), way) == inflated(PACK[way](SAID), f" {way.upper()} ") == SAID
    assert inflated(PACK[way](b""), way) == b""
    assert inflated(SAID, "") == inflated(SAID, "identity") == SAID
    assert len(inflated(PACK[way](b"x" * MAX_BYTES), way)) == MAX_BYTES


@each_way
def test_pieces_joined_are_one_body(way: str) -> None:
    joined = b"".join(PACK[way](bytes([letter])) for letter in b"abc")
    assert inflated(joined, way) == b"abc"
    assert inflated(PACK[way](b"a") * 100, way) == b"a" * 100
    with pytest.raises(Unreadable, match="more than 100 pieces"):
        inflated(PACK[way](b"") * 101, way)


def test_a_zstd_stream_need_not_say_its_size() -> None:
    noise = os.urandom(100_000)
    packer = zstandard.ZstdCompressor().compressobj()
    assert inflated(packer.compress(noise) + packer.flush(), "zstd") == noise


@each_way
def test_a_bomb_is_refused_before_it_is_large(way: str) -> None:
    bomb = PACK[way](b"\0" * (200 * 1024 * 1024))
    with pytest.raises(TooLarge):
        inflated(PACK[way](b"x" * (MAX_BYTES + 1)), way)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            inflated(bomb, way)
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_BYTES
    finally:
        tracemalloc.stop()


@each_way
def test_what_is_cut_off_never_passes_for_the_whole(way: str) -> None:
    packed = PACK[way](SAID)
    for cut in range(len(packed)):
        with pytest.raises(Unreadable):
            inflated(packed[:cut], way)
    with pytest.raises(Unreadable):
        inflated(packed + packed[:-1], way)


@each_way
def test_what_is_damaged_is_refused(way: str) -> None:
    for wrong in (SAID, b"\xff" * 100, PACK[way](SAID) + b"rest"):
        with pytest.raises(Unreadable):
            inflated(wrong, way)


@each_way
def test_the_packed_body_has_a_limit_too(way: str) -> None:
    with pytest.raises(TooLarge):
        inflated(b"x" * (MAX_BYTES + 1), way)


def test_a_window_too_large_is_refused() -> None:
    large = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=large).compressobj()
    with pytest.raises(Unreadable):
        inflated(packer.compress(SAID) + packer.flush(), "zstd")


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "x", "\0"])
def test_other_encodings_are_unknown(encoding: str) -> None:
    with pytest.raises(UnknownEncoding):
        inflated(SAID, encoding)
