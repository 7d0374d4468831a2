"""Texts as they came out of any format: misread and saved by somebody before us, or lost for good."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from gis import findings
from gis.intake import encodings

# in what somebody read a text, and in what it was
_WAYS = (("gb18030", "utf-8"), ("latin-1", "utf-8"), ("cp1252", "utf-8"), ("latin-1", "gb18030"))
Way = tuple[str, str]
# different texts of a column that are enough to judge by
_ENOUGH = 2000
# of the texts, so many must come back as Chinese for a misreading that has lost some of them
_MOST = 0.5
# nothing but question marks, or several before the rest of a name
_LOST = re.compile("\ufffd|^[?\uff1f]{2,}$|^\\?{2,}\\w")


def led_back(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Lead texts back that were read in the wrong encoding and saved, and say which are lost.

    Parameters
    ----------
    frame
        Rows as a reader gave them.
    name
        What the file is called.

    Returns
    -------
    tuple
        The frame, and findings (warning): source.encoded_twice (led back), source.text_doubtful (most would come
        back, but not all: nothing is changed), source.text_lost (replacement characters or question marks alone).

    Notes
    -----
    A column is led back only if all its texts beyond ASCII can be, and if they are plain Chinese then and not before.
    """
    columns = [column for column in frame.columns if isinstance(frame[column].dtype, pd.StringDtype)]
    back: dict[Any, Way] = {}
    lost, doubtful = [], []
    for column in columns:
        texts = [str(text) for text in frame[column].dropna().unique()[:_ENOUGH]]
        lost += [str(column)] if any(_LOST.search(text) for text in texts) else []
        way, whole = _way([text for text in texts if not text.isascii()])
        if way is not None and whole:
            back[column] = way
        elif way is not None:
            doubtful.append(f"{column} ({way[1]} → {way[0]})")
    notes = []
    if lost:
        notes.append(findings.finding("source.text_lost", name, severity="warning", columns=lost))
    if doubtful:
        shown = ", ".join(doubtful)
        notes.append(findings.finding("source.text_doubtful", name, severity="warning", ranking=shown))
    if back:
        shown = ", ".join(sorted({f"{meant} → {read}" for read, meant in back.values()}))
        notes.append(findings.finding("source.encoded_twice", name, severity="warning", encoding=shown))
    return _mapped(frame, back), notes


def still_doubted(frame: pd.DataFrame, notes: Sequence[dict[str, Any]]) -> bool:
    """Tell whether a reader's doubt about its texts says more than what leading them back found.

    Parameters
    ----------
    frame
        Rows after `led_back`.
    notes
        What it found.

    Returns
    -------
    bool
        False where the doubt is already named, column by column, or was settled.
    """
    codes = {one["code"] for one in notes}
    if "source.encoded_twice" not in codes:
        return "source.text_doubtful" not in codes
    columns = [column for column in frame.columns if isinstance(frame[column].dtype, pd.StringDtype)]
    whole = "".join(str(text) for column in columns for text in frame[column].dropna().unique()[:_ENOUGH])
    return "source.text_doubtful" not in codes and encodings.usual(whole) < encodings.DOUBTFUL


def _way(texts: list[str]) -> tuple[Way | None, bool]:
    """Return how texts beyond ASCII were misread, None if they were not, and whether all of them come back."""
    if not texts or encodings.usual("".join(texts)) >= encodings.PLAIN:
        return None, False
    for read, meant in _WAYS:
        back = [text for text in (_meant(text, read, meant) for text in texts) if text is not None]
        if back and encodings.usual("".join(back)) >= encodings.PLAIN and len(back) >= _MOST * len(texts):
            return (read, meant), len(back) == len(texts)
    return None, False


def _meant(text: str, read: str, meant: str) -> str | None:
    """Return what a text was before it was misread, None if it cannot have been."""
    try:
        return text.encode(read).decode(meant)
    except UnicodeError:
        return None


def _mapped(frame: pd.DataFrame, back: Mapping[Any, Way]) -> pd.DataFrame:
    """Lead the texts of some columns back, and names of columns; what a sample did not hold and cannot be stays."""
    if not back:
        return frame
    changed = {}
    for column, (read, meant) in back.items():
        texts = {text: _meant(text, read, meant) or text for text in frame[column].dropna().unique()}
        changed[column] = frame[column].map(texts, na_action="ignore").astype(frame[column].dtype)
    read, meant = next(iter(back.values()))
    names = {column: _meant(str(column), read, meant) or column for column in frame.columns}
    return frame.assign(**changed).rename(columns=names)
