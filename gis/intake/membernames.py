"""In which encoding the names inside a zip are: every one that can be read is weighed by the characters it gives.

A zip may say that a name is UTF-8, and says nothing else; its standard then means the first PC's code page, and most
tools mean the system's own (traps.md, "Zips").
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gis import archives, findings
from gis.errors import SourceError, UsageError
from gis.intake import encodings
from gis.intake.sources import Decision, Hypothesis

_CANDIDATES = ("utf-8", "gb18030", "cp437")
# an explanation that reaches this share of the best one's score leaves a doubt
_CLEAR = 0.6
# and one that reaches less than this explains nothing
_LEAST = 0.3
# what one character speaks for: two-byte UTF-8 and code page 437 give letters by chance too
_SECOND_LEVEL = 0.6
_RARE = 0.1
_LETTER = {"utf-8": 0.5, "cp437": 0.4}
# letters of Latin, Greek and Cyrillic scripts end here
_LAST_LETTER = "\u0530"


@dataclass(frozen=True)
class Names:
    """Say in which encoding the names are that do not say it themselves, and how that was told.

    Parameters
    ----------
    encoding
        Python's name of the codec; None where all names are ASCII or marked as UTF-8.
    how
        "given", "tried", "declared" (all are marked) or "ASCII only".
    ranking
        The encodings that read all the names, the likeliest first.
    """

    encoding: str | None
    how: str
    ranking: tuple[Hypothesis, ...] = ()

    @property
    def doubtful(self) -> bool:
        """Tell whether another explanation is nearly as good."""
        return self.how == "tried" and any(one.score >= _CLEAR * self.ranking[0].score for one in self.ranking[1:])

    @property
    def shown(self) -> str:
        """Return the ranking as one text."""
        return "; ".join(map(str, self.ranking))

    def decisions(self) -> tuple[Decision, ...]:
        """Return what was settled, for the record."""
        return () if self.how == "ASCII only" else (Decision("names", self.encoding or "utf-8", self.how),)

    def remarks(self, name: str) -> list[dict[str, Any]]:
        """Return a finding where the names may be others."""
        if not self.doubtful:
            return []
        return [findings.finding("source.names_doubtful", name, severity="warning", ranking=self.shown)]


def decide(path: Path, given: str | None) -> Names:
    """Decide in which encoding the names inside a zip are.

    Parameters
    ----------
    path
        The zip.
    given
        Encoding from `--encoding`; it settles the matter if it reads all the names, and else speaks of texts only.

    Returns
    -------
    Names

    Raises
    ------
    SourceError
        The zip cannot be read, or no encoding gives names that a person would write.
    """
    raw, marked = archives.foreign_names(path)
    if not raw:
        return Names(None, "declared" if marked else "ASCII only")
    ranking = [one for one in (_weighed(raw, name) for name in _CANDIDATES) if one is not None]
    ranking.sort(key=lambda one: -one.score)
    wanted = _codec(given)
    if wanted is not None and _text(raw, wanted) is not None:
        return Names(wanted, "given", tuple(ranking))
    if ranking[0].score < _LEAST:
        shown = "".join(f"\n  {n}. {one}" for n, one in enumerate(ranking, 1))
        raise SourceError(
            f"{path.name}: its names are in no encoding that gives words; pack it again, or say --encoding:{shown}",
            flag="--encoding",
            ranking=ranking,
        )
    return Names(ranking[0].value, "tried", tuple(ranking))


def _codec(given: str | None) -> str | None:
    """Return Python's name of an encoding; one that does not exist is refused where texts are read."""
    try:
        return None if given is None else encodings.codec(given)
    except UsageError:
        return None


def _weighed(raw: tuple[bytes, ...], encoding: str) -> Hypothesis | None:
    """Return an encoding as an explanation of the names, None if it cannot read one of them."""
    text = _text(raw, encoding)
    if text is None:
        return None
    foreign = [letter for letter in text if not letter.isascii()]
    score = sum(_speaks(letter, encoding) for letter in foreign) / len(foreign)
    if encoding == "gb18030" and not encodings.in_runs(text):
        # an accent stands alone, Chinese in runs
        score *= _SECOND_LEVEL
    shown = "".join(foreign[:8])
    return Hypothesis("names", encoding, round(score, 3), f"reads {shown}")


def _speaks(letter: str, encoding: str) -> float:
    """Return how much one character beyond ASCII speaks for an encoding; code page 437 has letters and lines alone."""
    if encodings.usual(letter):
        return 1.0
    if letter >= _LAST_LETTER and len(letter.encode("gb2312", errors="ignore")) == 2:
        return _SECOND_LEVEL
    if letter.isalpha():
        return _LETTER.get(encoding, 0.0) if letter < _LAST_LETTER else _RARE
    return 0.0


def _text(raw: tuple[bytes, ...], encoding: str) -> str | None:
    """Return all names as one text, None if one of them cannot be read."""
    try:
        return "\n".join(name.decode(encoding) for name in raw)
    except UnicodeDecodeError:
        return None
