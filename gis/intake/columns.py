"""Which column of a file is which field of a layer: by name, title or alias, also where a shapefile cut it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from gis.catalogue import Field, Layer
from gis.errors import FrameError
from gis.intake import headers, units, values
from gis.intake.units import Unit

# how a column was recognised, the surest first
RANKS = ("title", "name", "delivery", "english", "alias", "bare name", "bare title", "cut")
# of several columns that name one field the first is taken; a bare word such as NAME or source may be of anything
_TAKEN = ("title", "name", "delivery", "english", "alias", "cut", "bare name", "bare title")
# a shapefile keeps so many bytes of a name
_DBF_BYTES = 10
_FILLERS = re.compile(r"[\s*_\-·.()()【】\[\]::/]+")
# what a form says beside a name
_ASKED = re.compile(r"\((必填|选填|必填项|可选|必须)\)$")


@dataclass(frozen=True)
class Match:
    """Say which column became which field, by which of `RANKS`, and the unit of area that its name says, if any.

    `rivals` are the columns that name the same field less surely.
    """

    column: str
    field: str
    rank: str
    unit: Unit | None = None
    rivals: tuple[str, ...] = ()


def match(names: Iterable[str], layer: Layer) -> tuple[tuple[Match, ...], tuple[str, ...]]:
    """Match columns to fields.

    Parameters
    ----------
    names
        Columns of a file.
    layer
        The layer they should be.

    Returns
    -------
    tuple
        The matches in the layer's order, and the columns that are no field and no rival of one, in the file's order. A
        column that names two fields equally well, such as a cut name, is no field. A column that names a field and a
        unit, such as 批复面积(公顷), is that field; two columns that differ in nothing but the unit claim it with equal
        right.

    Raises
    ------
    FrameError
        Two columns claim one field with equal right.
    """
    claims: dict[str, list[Match]] = defaultdict(list)
    for column in names:
        found = _best(column, layer)
        if found is not None:
            claims[found.field].append(found)
    chosen: dict[str, Match] = {}
    for field, rivals in claims.items():
        best = min(_TAKEN.index(rival.rank) for rival in rivals)
        first = [rival for rival in rivals if _TAKEN.index(rival.rank) == best]
        if len(first) > 1:
            columns = ", ".join(rival.column for rival in first)
            raise FrameError(
                f"columns {columns} are all the field {field!r} ({layer.field(field).zh}) of {layer.name}; "
                "rename or drop all but one",
                field=field,
                columns=[rival.column for rival in first],
            )
        chosen[field] = replace(first[0], rivals=tuple(rival.column for rival in rivals if rival is not first[0]))
    taken = {column for found in chosen.values() for column in (found.column, *found.rivals)}
    ordered = tuple(chosen[field] for field in layer.columns if field in chosen)
    return ordered, tuple(column for column in names if column not in taken)


def normal(name: str) -> str:
    """Return a name without what people write differently: case, width, spaces, underscores, brackets, stars.

    Parameters
    ----------
    name
        A column name, title or alias.

    Returns
    -------
    str
    """
    return _FILLERS.sub("", _ASKED.sub("", values.plain(name)))


def spellings(field: Field) -> Iterator[tuple[str, str]]:
    """Yield every spelling of a field with the rank by which it is recognised.

    Parameters
    ----------
    field
        A field of a layer.

    Yields
    ------
    tuple
        Spelling and one of `RANKS`.
    """
    yield field.zh, "title"
    yield field.name, "name" if "_" in field.name else "bare name"
    yield field.delivery, "delivery"
    yield field.en, "english" if " " in field.en else "bare title"
    for alias in field.aliases:
        yield alias, "alias"


def _best(column: str, layer: Layer) -> Match | None:
    """Return the surest field for a column; None if there is none, or two with equal right."""
    whole = column.replace(headers.GROUP, "")
    best = _named(column, whole, layer)
    return _named(column, headers.leaf(column), layer) if best is None and whole != column else best


def _named(column: str, name: str, layer: Layer) -> Match | None:
    """Return the surest field for a column by its name, or by what is left of it without its group."""
    wanted = normal(name)
    found: dict[str, set[str]] = defaultdict(set)
    for field in layer.fields:
        for spelling, rank in spellings(field):
            if normal(spelling) == wanted:
                found[rank].add(field.name)
            elif _is_cut(name, spelling):
                found["cut"].add(field.name)
    surest = next((rank for rank in RANKS if found[rank]), None)
    if surest is None:
        return _with_unit(column, name, layer)
    return None if len(found[surest]) > 1 else Match(column, next(iter(found[surest])), surest)


def _with_unit(column: str, name: str, layer: Layer) -> Match | None:
    """Return the surest field for a column that says a unit behind the field's name."""
    parted = units.of_column(name)
    found: dict[str, set[str]] = defaultdict(set)
    for one in layer.fields:
        area = one.unit == units.SQUARE_METRE
        if area and parted is None:
            continue
        wanted = {normal(parted[0])} if area and parted is not None else {normal(name)}
        for spelling, rank in spellings(one):
            if area:
                bare = units.of_column(spelling)
                named = {normal(spelling), normal(bare[0])} if bare is not None else {normal(spelling)}
            else:
                counted = not one.unit and one.type in {"integer", "real"}
                signs = units.COUNTS if counted else units.signs(one.unit)
                named = {normal(spelling + sign) for sign in signs}
            if wanted & named:
                found[rank].add(one.name)
    surest = next((rank for rank in RANKS if found[rank]), None)
    if surest is None or len(found[surest]) > 1:
        return None
    field = next(iter(found[surest]))
    said = parted[1] if parted is not None and layer.field(field).unit == units.SQUARE_METRE else None
    return Match(column, field, surest, said)


def _is_cut(column: str, spelling: str) -> bool:
    """Tell whether a column is what ten bytes keep of a spelling, in UTF-8 or GBK."""
    for encoding in ("utf-8", "gbk"):
        try:
            raw = spelling.encode(encoding)
        except UnicodeEncodeError:
            continue
        kept = raw[:_DBF_BYTES].decode(encoding, errors="ignore")
        if len(raw) > _DBF_BYTES and column.casefold() == kept.casefold():
            return True
    return False
