"""Texts of a workbook of which a part is raised, lowered or struck out: the values of its cells do not say so.

A note's number raised behind a number would become its last digit, and what is struck out a part of what stands.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator, Mapping

_RAISED = str.maketrans("0123456789+-()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾")
_LOWERED = str.maketrans("0123456789+-()", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎")
_OFF = {"0", "false"}
_SPEAKS = (b"vertAlign", b"strike")
_PIECE = 1 << 20


def shared(archive: zipfile.ZipFile, part: str) -> Mapping[str, tuple[str, str]]:
    """Return the shared texts of a workbook that are more than their letters.

    Parameters
    ----------
    archive
        The workbook.
    part
        Where its texts are.

    Returns
    -------
    Mapping
        By number, as cells name them: the text with raised and lowered figures as such and without what is struck out,
        and what is struck out of it. A text struck out as a whole stays, and nothing is left out.
    """
    if not _speaks(archive, part):
        return {}
    found: dict[str, tuple[str, str]] = {}
    number = 0
    with archive.open(part) as stream:
        for _, element in ElementTree.iterparse(stream):
            if _tag(element) == "si":
                text = marked(element)
                found |= {} if text is None else {str(number): text}
                number += 1
                element.clear()
    return found


def marked(element: ElementTree.Element) -> tuple[str, str] | None:
    """Return a text that is more than its letters.

    Parameters
    ----------
    element
        A shared text, or one inside a cell.

    Returns
    -------
    tuple or None
        As for `shared`; None where the letters are all there is.
    """
    runs = [one for one in element if _tag(one) == "r"]
    kept, dropped = "".join(_texts(runs, struck=False)), "".join(_texts(runs, struck=True))
    if kept == "".join(map(_text, runs)) or not kept.strip():
        return None
    return kept, dropped.strip()


def struck(styles: ElementTree.Element) -> frozenset[str]:
    """Return which styles strike their cells out.

    Parameters
    ----------
    styles
        The root of a workbook's styles.

    Returns
    -------
    frozenset of str
        Numbers of styles, as cells name them.
    """
    fonts = next((one for one in styles if _tag(one) == "fonts"), None)
    formats = next((one for one in styles if _tag(one) == "cellXfs"), None)
    if fonts is None or formats is None:
        return frozenset()
    lined = {str(number) for number, font in enumerate(fonts) if _is_struck(font)}
    return frozenset(str(number) for number, one in enumerate(formats) if one.get("fontId") in lined)


def _speaks(archive: zipfile.ZipFile, part: str) -> bool:
    """Tell whether texts have any script or stroke of their own, without holding them."""
    with archive.open(part) as stream:
        before = b""
        while piece := stream.read(_PIECE):
            if any(word in before + piece for word in _SPEAKS):
                return True
            before = piece[-len(max(_SPEAKS, key=len)) :]
    return False


def _texts(runs: list[ElementTree.Element], *, struck: bool) -> Iterator[str]:
    """Yield the texts of the runs that are struck out, or of the others with their figures raised and lowered."""
    for run in runs:
        look = next((one for one in run if _tag(one) == "rPr"), None)
        if (look is not None and _is_struck(look)) is not struck:
            continue
        script = "" if look is None else next((one.get("val", "") for one in look if _tag(one) == "vertAlign"), "")
        tables = {"superscript": _RAISED, "subscript": _LOWERED}
        yield _text(run).translate(tables[script]) if script in tables else _text(run)


def _is_struck(look: ElementTree.Element) -> bool:
    """Tell whether a font strikes out."""
    return any(_tag(one) in {"strike", "dstrike"} and one.get("val", "1") not in _OFF for one in look)


def _text(run: ElementTree.Element) -> str:
    """Return the text of a run."""
    return "".join(one.text or "" for one in run if _tag(one) == "t")


def _tag(element: ElementTree.Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]
