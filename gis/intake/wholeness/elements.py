"""Files of XML: whether they end, and how many features they have and promise."""

from __future__ import annotations

from pathlib import Path
from xml.parsers import expat

# what holds features in a GML, of any version and profile
_HOLDERS = frozenset({"featureMember", "featureMembers", "member", "members"})
_COUNTS = ("numberReturned", "numberMatched", "numberOfFeatures")


class _Members:
    """Count the features of a GML while it is parsed, and keep what its root says of their number."""

    def __init__(self) -> None:
        self.tags: list[str] = []
        self.holder = 0
        self.count = 0
        self.placemarks = 0
        self.said: dict[str, int] = {}

    def begin(self, tag: str, attributes: dict[str, str]) -> None:
        """Enter an element."""
        name = tag.rpartition(":")[2]
        if not self.tags:
            counts = {key: attributes.get(key, "") for key in _COUNTS}
            self.said = {key: int(text) for key, text in counts.items() if text.isdecimal() and len(text) < 18}
        # a feature may have members of its own, which are none of the file's
        if self.holder and len(self.tags) == self.holder:
            self.count += 1
        if name in _HOLDERS and not self.holder:
            self.holder = len(self.tags) + 1
        self.placemarks += name == "Placemark"
        self.tags.append(name)

    def end(self, _: str) -> None:
        """Leave an element."""
        self.tags.pop()
        if self.holder and len(self.tags) < self.holder:
            self.holder = 0


def look(path: Path) -> tuple[str, int, int, dict[str, int]]:
    """Go through a file of XML.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    tuple
        Where it stops being XML, "" for a sound one; how many members it has; how many placemarks; and how many
        features it promises, by the name under which it says so.
    """
    parser, seen = expat.ParserCreate(), _Members()
    parser.StartElementHandler, parser.EndElementHandler = seen.begin, seen.end
    try:
        with path.open("rb") as stream:
            parser.ParseFile(stream)
    except expat.ExpatError as error:
        return f"line {error.lineno}: {expat.ErrorString(error.code)}", 0, 0, {}
    return "", seen.count, seen.placemarks, seen.said
