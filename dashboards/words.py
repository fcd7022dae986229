"""The two languages of the boards. Every text is written twice, side by side, so that none can be forgotten."""

LANGUAGES = ("en", "es")

_chosen = "en"
_pairs: dict[str, str] = {}


def speak(language: str) -> None:
    """Chooses what `say` returns from here on."""
    global _chosen
    assert language in LANGUAGES, language
    _chosen = language


def say(english: str, spanish: str) -> str:
    """One text in the chosen language. The same English text is the same Spanish text on every board."""
    assert english.strip() and spanish.strip(), f"half a pair: {english!r}, {spanish!r}"
    known = _pairs.setdefault(english, spanish)
    assert known == spanish, f"two translations of {english!r}: {known!r}, {spanish!r}"
    return spanish if _chosen == "es" else english


def language() -> str:
    return _chosen


def uid(board: str) -> str:
    """A board's identity: both languages can be loaded side by side."""
    return f"wolkvox-{board}" if _chosen == "en" else f"wolkvox-{board}-{_chosen}"


def tag() -> str:
    """What the boards of one language have in common."""
    return "wolkvox" if _chosen == "en" else f"wolkvox-{_chosen}"
