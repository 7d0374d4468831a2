"""Frozen records of dated standards: a number, the text that sets it, when it applies and how strong its wording is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from gis.errors import UnknownNameError


@dataclass(frozen=True)
class Norm:
    """Hold one number of a standard.

    Parameters
    ----------
    key
        Name of the matter, such as "floor_area.demolished_share".
    value
        The number; None where the standard exists but its number is not known to us (never invented).
    unit
        Unit of the number.
    title
        Chinese and English title.
    source
        Document and clause.
    wording
        Strength of the text: 不应, 不宜, 原则上, 推荐…
    confidence
        "high", "medium" or "low"; low ones are configuration that a bureau must confirm.
    effective_from, effective_to
        First and last day of validity; None means open.
    """

    key: str
    value: float | None
    unit: str
    title: tuple[str, str]
    source: str
    wording: str = ""
    confidence: str = "high"
    effective_from: date | None = None
    effective_to: date | None = None

    def applies(self, on: date) -> bool:
        """Tell whether the norm is in force on a day."""
        began = self.effective_from is None or self.effective_from <= on
        return began and (self.effective_to is None or on <= self.effective_to)


def pick(norms: Iterable[Norm], key: str, on: date) -> Norm:
    """Return the norm for a matter that is in force on a day.

    Parameters
    ----------
    norms
        Records to choose from.
    key
        Name of the matter.
    on
        The day that counts (`norm_date`).

    Returns
    -------
    Norm

    Raises
    ------
    UnknownNameError
        None, or more than one, is in force on that day.
    """
    found = [norm for norm in norms if norm.key == key and norm.applies(on)]
    if len(found) != 1:
        known = sorted({norm.key for norm in norms})
        raise UnknownNameError(f"{len(found)} norms named {key!r} are in force on {on}; known names: {known}", key=key)
    return found[0]
