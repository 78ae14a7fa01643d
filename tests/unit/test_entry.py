"""A feed's entry: what travels with a link, and comes back as it was."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from jobs.entry import Entry, Image

SOME = st.text(min_size=1, max_size=20)
MAYBE = st.none() | SOME
MANY = st.lists(SOME, max_size=3).map(tuple)
ENTRIES = st.builds(
    Entry,
    url=SOME,
    guid=MAYBE,
    title=MAYBE,
    summary=MAYBE,
    content=MAYBE,
    authors=MANY,
    published=MAYBE,
    updated=MAYBE,
    tags=MANY,
    images=st.lists(st.builds(Image, url=SOME, caption=MAYBE), max_size=3).map(tuple),
    language=MAYBE,
)


@given(ENTRIES)
def test_an_entry_comes_back_as_it_was(entry: Entry) -> None:
    """Through JSON and UTF-8, as Redis keeps it."""
    assert Entry.from_json(entry.to_json().encode().decode()) == entry


@given(ENTRIES)
def test_what_is_not_set_takes_no_room(entry: Entry) -> None:
    """The ledger holds one for each open link."""
    assert all(json.loads(entry.to_json()).values())
    assert Entry("https://a.test/").to_json() == '{"url":"https://a.test/"}'


@given(ENTRIES, st.dictionaries(st.text(max_size=10).map(lambda name: f"new_{name}"), SOME, max_size=3))
def test_fields_of_a_newer_version_are_ignored(entry: Entry, more: dict[str, str]) -> None:
    """Old workers and new pollers may run side by side."""
    assert Entry.from_json(json.dumps(json.loads(entry.to_json()) | more)) == entry
