"""Pages that are nothing but a form: for consent to cookies, or for a login."""

from __future__ import annotations

import re

from jobs.words import count_words

MAX_CONSENT_WORDS = 400
"""What a consent form says at most; lists of partners come after the first click."""
LEAST_STEMS = 4
LEAST_SHARE = 0.05
"""The share of its words that speak of consent. Articles about cookies stay well below."""
MAX_LOGIN_WORDS = 150

_CONSENT_STEMS = re.compile(
    r"\b(cookie|consent|consens|partner|accept|akzeptier|accett|aceptar|aceitar|agree|privacy|datenschutz|privac"
    r"|personal data|personenbezogen|persoonsgegevens|données personnelles|datos personales|dati personali"
    r"|dados pessoais|zustimm|einwillig|toestemming|akkoord|samtyck|samtykke|suostumu|zgod|zaakceptuj|souhlas"
    r"|hozzájárul|consim|соглас|куки|згод|çerez|onay|reject|refus|ablehn|rechaz|rifiut|rejeit|weiger|avvis|odrzu"
    r"|legitim|tracking|werbung|advertis|publicit|同意|クッキー|隐私|隱私|동의|쿠키)",
    re.I,
)


def is_consent(shown: str) -> bool:
    """Does what a page shows speak of little but consent? The caller has seen a form that takes it."""
    words = count_words(shown)
    stems = [stem.casefold() for stem in _CONSENT_STEMS.findall(shown)]
    enough = len(set(stems)) >= LEAST_STEMS and len(stems) >= LEAST_SHARE * words
    return 0 < words <= MAX_CONSENT_WORDS and enough


def is_login(shown: str) -> bool:
    """Does a page show little more than a login? The caller has seen a field for a password."""
    return count_words(shown) <= MAX_LOGIN_WORDS
