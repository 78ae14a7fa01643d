"""Documents that are gzip files themselves, as sitemaps often are (``news.xml.gz``)."""

from __future__ import annotations

from jobs.body import MAX_BODY_BYTES
from jobs.coding import BadCoding, decoder
from worker.feeds.errors import FeedError, FeedReason

_MAGIC = b"\x1f\x8b\x08"


def gunzip(body: bytes) -> bytes:
    """The document in a gzip file (RFC 1952); anything else as it is.

    Bounded like a document that its server compresses in transit.

    Raises:
        FeedError: `too_large`, `truncated`.
    """
    if not body.startswith(_MAGIC):
        return body
    gzip, unpacked = decoder("gzip"), bytearray()
    try:
        for piece in gzip.feed(body):
            unpacked += piece
            if len(unpacked) > MAX_BODY_BYTES:
                raise FeedError(FeedReason.TOO_LARGE, f"unpacked it has over {MAX_BODY_BYTES:,} bytes")
        gzip.finish()
    except BadCoding as error:
        raise FeedError(FeedReason.TRUNCATED, str(error)) from None
    return bytes(unpacked)
