"""Counting words, in any language."""

from __future__ import annotations

import re

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]|[^\W_]+(?:['’.-][^\W_]+)*")


def count_words(text: str) -> int:
    """Words of a text; a Chinese, Japanese or Korean character counts as one."""
    return len(_WORD.findall(text))
