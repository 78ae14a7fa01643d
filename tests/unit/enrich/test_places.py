"""Which names are places, and which places they are."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.enrich.gazetteer import Gazetteer, gazetteer
from tests.unit.enrich.subjects import choice, enriched, names, places

MAX_BYTES = 30 * 1024 * 1024


def found(text: str, language: str = "en") -> set[tuple[str, str | None]]:
    return {(place.text, place.country) for place in names(text, language).places}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Paris Hilton opened the gallery on Monday, and Paris Hilton left early.", "en"),
        ("Anna said she would come. Her sister Anna stayed.", "en"),
        ("Nobody answered her Mobile phone. Nice weather is rare in March.", "en"),
        ("Of course the council knew. Reading helps children.", "en"),
        ("Michael Jordan scored 40 points, and Jordan left the hall.", "en"),
        ("The judge, Anderson, asked Perry a question.", "en"),
        ("Das Wetter bleibt schön. Die Länder beraten, und das Essen ist gut.", "de"),
        ("Er hält das Waren für möglich, im Norden wie im Süden.", "de"),
        ("La Victoria llegará, y todos piden Libertad.", "es"),
    ],
)  # fmt: skip
def test_names_that_are_no_places(text: str, language: str) -> None:
    """People, words and months that are called like towns."""
    assert found(text, language) == set()


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("She moved from Paris, Texas, to Mobile, Alabama.", "en", {("Paris", "US"), ("Mobile", "US")}),
        ("Crowds gathered in Paris on Friday.", "en", {("Paris", "FR")}),
        ("Voters in Georgia chose a senator, U.S. officials in Atlanta said.", "en", {("Georgia", "US")}),
        ("Police in Tbilisi, the capital of Georgia, made arrests.", "en", {("Georgia", "GE")}),
        ("The trains to Reading and Nice were late.", "en", {("Reading", "GB"), ("Nice", "FR")}),
        ("In Hannover und Oldenburg wurde gestreikt.", "de", {("Hannover", "DE"), ("Oldenburg", "DE")}),
        ("Le ministre est arrivé à Genève, puis à Alep.", "fr", {("Genève", "CH"), ("Alep", "SY")}),
        ("El incendio en Córdoba, Argentina, avanza.", "es", {("Córdoba", "AR"), ("Argentina", "AR")}),
        ("Die syrische Armee und irakische Truppen rückten vor, sagte die irakische Regierung.", "de",
         {("Irak", "IQ")}),
    ],
)  # fmt: skip
def test_places_and_their_countries(text: str, language: str, expected: set[tuple[str, str]]) -> None:
    """By what stands before and after a name, the country the text speaks of, and size."""
    assert expected <= found(text, language)


def test_a_part_of_a_name_is_no_place() -> None:
    """“-based” says where somebody sits, and a university is not its town."""
    assert found("The Britain-based group thanked the University of Leicester.") == set()


@pytest.mark.parametrize("language", ["ja", "ar", "zh", "ru", "xx", None])
def test_other_scripts_are_left_empty_not_wrong(language: str | None) -> None:
    """Without capitals, or without cues, nothing is guessed; and nothing fails."""
    text = "東京で火曜日、日本政府は発表した。 قال الرئيس في دمشق. Президент приехал в Москву."
    got = enriched(text, language or "")
    assert "places" not in got.values
    assert got.issues == ()


def test_the_gazetteer_is_small() -> None:
    """The world's towns, with their names in many languages."""
    assert places().size_bytes < MAX_BYTES
    assert [(t.country, t.own_name) for t in places().towns("Brüssel")] == [("BE", False)]
    assert len(places().all_towns()) > 30_000


def test_loading_it_takes_little_memory() -> None:
    """In a process of its own: what the parsed file takes is never held, and the index is mapped."""
    folder = choice().folders[0]
    places()
    code = (
        "import resource, sys\nfrom jobs.enrich.gazetteer import gazetteer\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"g = gazetteer(({str(folder)!r},)); g.towns('Palmyra'); g.centres\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < MAX_BYTES


def test_it_is_made_once_and_mended(tmp_path: Path) -> None:
    """Kept where it can be, read from there; one that was cut off is made anew."""
    whole = places()
    (kept,) = Path(choice().folders[0]).glob("places-*.bin")
    cut = tmp_path / kept.name
    cut.write_bytes(kept.read_bytes()[:-1])
    assert gazetteer((str(tmp_path),)).towns("Palmyra") == whole.towns("Palmyra")
    assert cut.read_bytes() == kept.read_bytes()


@pytest.mark.parametrize("data", [b"", b"PALMYRA1", b"x" * 100])
def test_other_files_are_no_gazetteer(data: bytes) -> None:
    """Whatever lies there under its name."""
    with pytest.raises((ValueError, struct.error)):
        Gazetteer(data)


def test_a_folder_that_can_not_be_written_to_is_passed_over(tmp_path: Path) -> None:
    """The next one is taken."""
    (tmp_path / "file").write_text("no folder")
    kept = Path(choice().folders[0])
    assert gazetteer((str(tmp_path / "file" / "cache"), str(kept))).towns("Palmyra")
