"""Which encoding the bytes of a table are in: what was declared, checked against what the bytes can be.

A declaration is often missing and sometimes wrong (traps.md, "Shapefiles and encodings"), and GB18030 reads almost any
UTF-8 text as rare characters without complaint. So every candidate is tried strictly, and a candidate that yields the
characters that people write outweighs a declaration that does not.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gis import findings
from gis.errors import SourceError, UsageError
from gis.intake.sources import Hypothesis

# code page byte (LDID, offset 29 of a .dbf) -> Python's name; 0x57 only says "the system's own" and declares nothing
LDID = {
    0x02: "cp850",
    0x03: "cp1252",
    0x4D: "gb18030",
    0x4E: "cp949",
    0x4F: "cp950",
    0x58: "cp1252",
    0x7A: "gb18030",
    0x13: "cp932",
    0x7B: "cp932",
}
# GB18030 holds all that GB2312 and GBK hold, and more
_CHINESE = {"gbk", "gb2312", "gb18030", "cp936", "936", "ldid/77", "77"}
_FIRST_LEVEL = range(0xB0, 0xD8)
# share of usual characters among those beyond ASCII below which a text is doubted
DOUBTFUL = 0.3
# and above which nobody doubts it
PLAIN = 0.9
_MULTIBYTE = {"utf-8", "gb18030", "cp932", "cp949", "cp950"}
_RUN = re.compile(r"[^\x00-\x7f]+")
# characters beyond ASCII that are enough to judge by
_SAMPLE = 20_000


@dataclass(frozen=True)
class Encoding:
    """Name an encoding and say how it was decided.

    Parameters
    ----------
    name
        Python's name of the codec.
    how
        "given", ".cpg", "LDID", "byte order mark", "ASCII only" or "tried".
    declared
        What the file says of itself, "" where it says nothing.
    ranking
        The encodings that were weighed, the likeliest first.
    """

    name: str
    how: str
    declared: str = ""
    ranking: tuple[Hypothesis, ...] = ()

    @property
    def doubtful(self) -> bool:
        """Tell whether the texts read without fault and still are not what people write."""
        return bool(self.ranking) and self.how not in {"given", "ASCII only"} and self.ranking[0].score < DOUBTFUL

    @property
    def contradicts(self) -> bool:
        """Tell whether the bytes are not what the file says they are."""
        return bool(self.declared) and self.how == "tried"


def require_words(decided: Encoding, name: str) -> None:
    """Refuse texts that read without fault and still are not what people write.

    Parameters
    ----------
    decided
        From `decide`.
    name
        What the file is called in messages.

    Raises
    ------
    SourceError
        The encoding is doubtful; the ranking is in it.
    """
    if decided.doubtful:
        ranking = "; ".join(map(str, decided.ranking))
        raise SourceError(
            f"{name}: its texts are in no encoding that gives words; say which with --encoding: {ranking}",
            flag="--encoding",
            ranking=list(decided.ranking),
        )


def codec(name: str) -> str:
    """Return Python's name for an encoding as people and .cpg files write it.

    Parameters
    ----------
    name
        "GBK", "UTF-8", "CP936", "65001", "ISO-8859-1" …

    Returns
    -------
    str

    Raises
    ------
    UsageError
        No such encoding.
    """
    plain = name.strip().lower()
    if plain in _CHINESE:
        return "gb18030"
    if plain in {"65001", "utf8", "utf-8"}:
        return "utf-8"
    for candidate in (plain, f"cp{plain}", plain.replace("iso 88591", "iso8859-1").replace("iso-88591", "iso8859-1")):
        try:
            return codecs.lookup(candidate).name
        except LookupError:
            continue
    raise UsageError(
        f"no encoding is called {name!r}; write UTF-8, GB18030 or another of Python's names", encoding=name
    )


def decoded(value: bytes, encoding: str, *, cut: bool = False) -> str:
    """Decode one value strictly.

    Parameters
    ----------
    value
        Bytes as stored.
    encoding
        Codec.
    cut
        Whether the value fills its field, so that its last character may have been cut; the rest of it is then dropped.

    Returns
    -------
    str

    Raises
    ------
    UnicodeDecodeError
        The bytes are not text in this encoding.
    """
    try:
        return value.decode(encoding)
    except UnicodeDecodeError as error:
        if cut and error.end == len(value) and len(value) - error.start < 4:
            return value[: error.start].decode(encoding)
        raise


def is_cut(value: bytes, encoding: str) -> bool:
    """Tell whether a value ends within a character.

    Parameters
    ----------
    value
        Bytes as stored, text but for its last character.
    encoding
        Codec.

    Returns
    -------
    bool
    """
    try:
        decoded(value, encoding)
    except UnicodeDecodeError:
        return True
    return False


def decide(
    values: Sequence[tuple[bytes, bool]], *, given: str | None, cpg: str | None, ldid: int = 0, name: str = "file"
) -> Encoding:
    """Decide the encoding of a table's texts.

    Parameters
    ----------
    values
        The texts as bytes, each with whether its last character may have been cut.
    given
        Encoding from `--encoding`; it settles the matter if the bytes allow it.
    cpg
        Content of the .cpg file.
    ldid
        Code page byte of the .dbf.
    name
        What the file is called in messages.

    Returns
    -------
    Encoding

    Raises
    ------
    SourceError
        No candidate, or not the one given, reads every value.
    UsageError
        The encoding given does not exist.
    """
    foreign = [(value, cut) for value, cut in values if not value.isascii()]
    declared, how = _declared(cpg, ldid)
    if given is not None:
        wanted = codec(given)
        if _text(foreign, wanted) is None:
            raise SourceError(
                f"{name}: the bytes are not {given}; leave --encoding out to have others tried", came=given
            )
        return Encoding(wanted, "given", declared)
    if not foreign:
        return Encoding("utf-8", "ASCII only", declared)
    ranked = _ranked(foreign, declared)
    ranking = tuple(_weighed(foreign, candidate, declared) for candidate in ranked)
    for candidate in ranked:
        return Encoding(candidate, how if candidate == declared else "tried", declared, ranking)
    tried = ", ".join(dict.fromkeys([*([declared] if declared else []), "UTF-8", "GB18030"]))
    raise SourceError(
        f"{name}: the text is in none of {tried}; say which with --encoding",
        tried=tried,
        flag="--encoding",
        ranking=[],
    )


def remarks(decided: Encoding, name: str, *, ldid: int | None = None) -> list[dict[str, Any]]:
    """Say what a person should know of an encoding that was not simply declared and right.

    Parameters
    ----------
    decided
        From `decide`.
    name
        What the file is called.
    ldid
        Code page byte of a .dbf.

    Returns
    -------
    list of dict
        Findings: source.text_doubtful and source.encoding_wrong (warning), source.encoding_unsaid (info).
    """
    notes = []
    if decided.doubtful:
        shown = "; ".join(str(one) for one in decided.ranking)
        notes.append(findings.finding("source.text_doubtful", name, severity="warning", ranking=shown))
    if decided.contradicts:
        said = decided.declared
        notes.append(
            findings.finding(
                "source.encoding_wrong", name, severity="warning", declared=said, encoding=decided.name
            )
        )
    elif decided.how == "tried" and ldid is not None:
        page = f"0x{ldid:02X}"
        notes.append(
            findings.finding("source.encoding_unsaid", name, severity="info", encoding=decided.name, ldid=page)
        )
    return notes


def looks_chinese(text: str) -> bool:
    """Tell whether the characters beyond ASCII are those that people write in Chinese.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    bool
        True when at least 60 % are first-level characters of GB2312 or full-width punctuation. Chinese read in the
        wrong encoding gives rare characters, which fall outside.
    """
    return usual(text) >= 0.6


def usual(text: str) -> float:
    """Measure how much of a text beyond ASCII is what people write in Chinese.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    float
        Share of first-level characters of GB2312 and of full-width punctuation, 0 to 1; 0 for text in ASCII alone.
    """
    foreign = _foreign(text)
    count = 0
    for letter in foreign:
        raw = letter.encode("gb2312", errors="ignore")
        count += len(raw) == 2 and (raw[0] in _FIRST_LEVEL or raw[0] in {0xA1, 0xA3})
    return count / len(foreign) if foreign else 0.0


def in_runs(text: str) -> bool:
    """Tell whether characters beyond ASCII stand in runs, as Chinese does, and not alone, as accents do.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    bool
        True when most of them stand beside another one.
    """
    runs = [len(run) for run in _RUN.findall(text[: 10 * _SAMPLE])]
    return sum(run for run in runs if run > 1) > sum(runs) / 2


def _declared(cpg: str | None, ldid: int) -> tuple[str, str]:
    """Return what the file says of itself: the .cpg before the code page byte."""
    if cpg and cpg.strip():
        try:
            return codec(cpg), ".cpg"
        except UsageError:
            pass
    return (LDID[ldid], "LDID") if ldid in LDID else ("", "")


def _ranked(values: Sequence[tuple[bytes, bool]], declared: str) -> list[str]:
    """Return the encodings that read every value, the likeliest first."""
    texts = {name: _text(values, name) for name in dict.fromkeys([declared, "utf-8", "gb18030"]) if name}
    fitting = {name: text for name, text in texts.items() if text is not None}
    first = []
    # long sequences of UTF-8 that are valid throughout are never chance, whatever was declared
    if _is_wide(fitting.get("utf-8", "")):
        first.append("utf-8")
    # one byte a letter reads anything; only the other declarations can be wrong and so can be right
    if declared in fitting and declared in _MULTIBYTE:
        first.append(declared)
    # 「联通」 in GBK is valid UTF-8: Chinese stands in runs, an accent stands alone
    wide = fitting.get("gb18030", "")
    if looks_chinese(wide) and ("utf-8" not in fitting or (usual(wide) >= PLAIN and in_runs(wide))):
        first.append("gb18030")
    return list(dict.fromkeys([*first, *fitting]))


def _weighed(values: Sequence[tuple[bytes, bool]], encoding: str, declared: str) -> Hypothesis:
    """Return an encoding that reads every value as one of a ranking."""
    text = _text(values, encoding) or ""
    share = usual(text) if _is_wide(text) or encoding in _MULTIBYTE else 1.0
    # letters of Latin scripts are no Chinese and no fault
    score = 1.0 if not any(ord(letter) > 0x2FF for letter in _foreign(text)) and encoding == "utf-8" else share
    said = ["as declared"] if encoding == declared else []
    said.append(f"{share:.0%} usual Chinese characters")
    shown = "".join(itertools.islice((letter for letter in text if ord(letter) > 127), 8))
    return Hypothesis("encoding", encoding, round(score, 3), "; ".join([*said, f"reads {shown}"]))


def _foreign(text: str) -> list[str]:
    """Return the characters beyond ASCII, as many as it takes to judge."""
    return list(itertools.islice((letter for letter in text if ord(letter) > 127), _SAMPLE))


def _is_wide(text: str) -> bool:
    """Tell whether most characters beyond ASCII took three or more bytes of UTF-8."""
    foreign = _foreign(text)
    return sum(ord(letter) > 0x7FF for letter in foreign) > len(foreign) / 2


def _text(values: Sequence[tuple[bytes, bool]], encoding: str) -> str | None:
    """Return all values as one text, None if one of them cannot be read."""
    try:
        return "".join(decoded(value, encoding, cut=cut) for value, cut in values)
    except UnicodeDecodeError:
        return None
