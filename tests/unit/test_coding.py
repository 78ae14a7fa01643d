"""Content codings are undone in small steps, completely or with an error."""

from __future__ import annotations

import gzip
import itertools
import random
import sys
import zlib

import brotli  # type: ignore[import-untyped]  # it has no type hints
import pytest

from jobs.coding import STEP_BYTES, BadCoding, decoder

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"A headline and its story. " * 2000 + random.Random(1).randbytes(4000)


def bare_deflate(data: bytes) -> bytes:
    """Deflate data without the zlib header that the standard asks for."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


BODIES = {
    "identity": ("identity", TEXT),
    "none": ("", TEXT),
    "unknown": ("utf-8", TEXT),
    "gzip": ("gzip", gzip.compress(TEXT)),
    "x-gzip": ("X-GZIP", gzip.compress(TEXT)),
    "gzip, members": ("gzip", gzip.compress(TEXT[:9]) + gzip.compress(b"") + gzip.compress(TEXT[9:])),
    "gzip, zeros behind": ("gzip", gzip.compress(TEXT) + bytes(100)),
    "gzip, garbage behind": ("gzip", gzip.compress(TEXT) + b"<!-- cached -->"),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "deflate, bare": ("deflate", bare_deflate(TEXT)),
    "br": ("br", brotli.compress(TEXT, quality=5)),
    "zstd": ("zstd", zstd.compress(TEXT)),
    "zstd, frames": ("zstd", zstd.compress(TEXT[:9]) + zstd.compress(TEXT[9:])),
}


def decode(content_encoding: str, data: bytes, size: int = 4096) -> bytes:
    coding = decoder(content_encoding)
    out = b"".join(piece for i in range(0, len(data), size) for piece in coding.feed(data[i : i + size]))
    out += b"".join(coding.rest())
    coding.finish()
    return out


@pytest.mark.parametrize("size", [1, 7, 4096, 10**6])
@pytest.mark.parametrize("name", BODIES)
def test_decodes_however_it_is_cut_into_pieces(name: str, size: int) -> None:
    """Each coding, in the ways that servers use it, gives back the body for any sizes of the pieces."""
    content_encoding, data = BODIES[name]
    assert decode(content_encoding, data, size) == TEXT


@pytest.mark.parametrize("kept", [1, 10, 0.5, -1])
@pytest.mark.parametrize("name", ["gzip", "deflate", "deflate, bare", "br", "zstd", "zstd, frames"])
def test_a_cut_body_is_an_error(name: str, kept: float) -> None:
    """A compressed body that ends early never passes for a whole one."""
    content_encoding, data = BODIES[name]
    end = int(len(data) * kept) if isinstance(kept, float) else int(kept)
    with pytest.raises(BadCoding):
        decode(content_encoding, data[:end])


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_damage_is_an_error(name: str) -> None:
    """A body that is not what the header says is an error; an empty one is not."""
    with pytest.raises(BadCoding):
        decode(name, b"<!doctype html><p>not compressed at all</p>" * 50)
    assert decode(name, b"") == b""


def test_stacked_codings_are_refused() -> None:
    """Two codings on one body multiply what a small body can cost: nobody needs them."""
    with pytest.raises(BadCoding):
        decoder("gzip, br")
    with pytest.raises(BadCoding):
        decoder("gzip, gzip")


def test_a_zstd_frame_may_not_ask_for_more_than_8_mb() -> None:
    """The window that a frame's header asks for is memory: RFC 9659 allows 8 MB in HTTP."""
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    data = packer.compress(TEXT) + packer.flush()
    with pytest.raises(BadCoding):
        decode("zstd", data)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_what_comes_out_at_once_is_bounded(name: str) -> None:
    """However much a piece inflates to, it comes in steps, and taking no more of them stops the work."""
    packers = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress}
    bomb = packers[name](bytes(8 * 2**20))
    coding = decoder(name)
    pieces = itertools.chain(coding.feed(bomb), coding.rest())
    assert max(len(next(pieces)) for _ in range(8)) <= 2 * STEP_BYTES
