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

from gis.errors import SourceError, UsageError

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
    """

    name: str
    how: str
    declared: str = ""

    @property
    def contradicts(self) -> bool:
        """Tell whether the bytes are not what the file says they are."""
        return bool(self.declared) and self.how == "tried"


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
    for candidate in _ranked(foreign, declared):
        return Encoding(candidate, how if candidate == declared else "tried", declared)
    tried = ", ".join(dict.fromkeys([*([declared] if declared else []), "UTF-8", "GB18030"]))
    raise SourceError(f"{name}: the text is in none of {tried}; say which with --encoding", tried=tried)


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
    foreign = _foreign(text)
    if not foreign:
        return False
    usual = 0
    for letter in foreign:
        raw = letter.encode("gb2312", errors="ignore")
        usual += len(raw) == 2 and (raw[0] in _FIRST_LEVEL or raw[0] in {0xA1, 0xA3})
    return usual >= 0.6 * len(foreign)


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
    if looks_chinese(fitting.get("gb18030", "")) and ("utf-8" not in fitting or _in_runs(fitting["gb18030"])):
        first.append("gb18030")
    return list(dict.fromkeys([*first, *fitting]))


def _foreign(text: str) -> list[str]:
    """Return the characters beyond ASCII, as many as it takes to judge."""
    return list(itertools.islice((letter for letter in text if ord(letter) > 127), _SAMPLE))


def _in_runs(text: str) -> bool:
    """Tell whether most characters beyond ASCII stand beside another one."""
    runs = [len(run) for run in _RUN.findall(text[: 10 * _SAMPLE])]
    return sum(run for run in runs if run > 1) > sum(runs) / 2


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
