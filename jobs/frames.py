"""How many HTTP/2 frames a server may send for what it brings: counted before the library works on them.

A frame costs the library some 30 µs, whatever is in it, and may be 9 bytes long: a server that sends nothing
but SETTINGS, PING, empty DATA or CONTINUATION frames (CVE-2019-9512, -9515, -9518, CVE-2024-27983 and others)
could keep the process busy for as long as a call lasts.
"""

from __future__ import annotations

FREE_FRAMES = 1_000
"""For each answer; an ordinary one has about ten, and one for every 4 to 16 KB of its body."""
BYTES_A_FRAME = 1_024
"""Above that, DATA frames have at least as many bytes on average."""
MAX_FRAME_BYTES = 16_384
"""RFC 9113, 4.2, as long as we don't allow more. The library would first keep all of a longer one."""
_HEAD_BYTES = 9  # RFC 9113, 4.1: length (24 bits), type, flags, stream
_DATA = 0


class FrameCount:
    """The frames of one connection since its last complete answer. Reads frame heads only."""

    def __init__(self) -> None:
        self._head = b""
        self._skip_bytes = 0
        self._frames = 0
        self._data_bytes = 0

    def feed(self, data: bytes) -> bool:
        """Count what came; false when a frame is too long, or there are too many for what they bring."""
        at = self._skip_bytes
        while at < len(data):
            head = self._head + data[at : at + _HEAD_BYTES - len(self._head)]
            at += len(head) - len(self._head)
            if len(head) < _HEAD_BYTES:
                self._head = head
                break
            self._head = b""
            length = int.from_bytes(head[:3], "big")
            if length > MAX_FRAME_BYTES:
                return False
            at += length
            self._frames += 1
            self._data_bytes += length if head[3] == _DATA else 0
        self._skip_bytes = max(at - len(data), 0)
        return self._frames <= FREE_FRAMES + self._data_bytes // BYTES_A_FRAME

    def settle(self) -> None:
        """An answer is complete: count anew."""
        self._frames = self._data_bytes = 0
