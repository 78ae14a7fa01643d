"""Which part of a host name its owner registered, by the public suffix list.

The list is the one that the `tld` package carries, its private section included (so that two blogs on one
blogging host are two domains). Only its data file is read: the package's own loader goes to the network when
the file is missing.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files

_LIST = "res/effective_tld_names.dat.txt"


@lru_cache(maxsize=16_384)
def registrable(host: str) -> str:
    """The registrable domain of a host name: ``news.example.co.uk`` → ``example.co.uk``.

    `host` is lower-case ASCII (punycode). A name that is itself a public suffix, or has one label only, is
    its own domain; a suffix that is not on the list counts as one label. https://publicsuffix.org/list/
    """
    labels = host.split(".")
    known = _rules()
    for start in range(len(labels)):
        name = ".".join(labels[start:])
        parent = ".".join(labels[start + 1 :])
        if f"!{name}" in known:  # an exception: the suffix is one label shorter
            return name
        if name in known or f"*.{parent}" in known:
            return ".".join(labels[max(start - 1, 0) :])
    return ".".join(labels[-2:])


@cache
def _rules() -> frozenset[str]:
    """Every rule of the list, in punycode; about 10,000 strings, 1 MB."""
    lines = files("tld").joinpath(_LIST).read_text("utf-8").splitlines()
    return frozenset(
        _punycode(line.split()[0]) for line in lines if line and not line.startswith(("//", " "))
    )


def _punycode(rule: str) -> str:
    # The list is in normal form already, so plain punycode does what IDNA would, much faster.
    return ".".join(
        label if label.isascii() else "xn--" + label.encode("punycode").decode() for label in rule.split(".")
    )
