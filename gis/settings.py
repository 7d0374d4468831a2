"""One frozen record of what differs between bureaus; passed to functions, never global."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from gis.errors import UsageError

LANGUAGES = ("zh", "en")
_MEASURES = ("tolerance", "walk_speed_mps", "walk_depth_m")
# what each setting may be, in words
ALLOWED = {
    "district_code": "six digits of GB/T 2260, as text",
    "lang": " or ".join(LANGUAGES),
    "employed_share": "a share above 0, at most 1",
    "break_crossings": "true or false",
    "rings": "at least one [name, metres], each name once, metres above 0 and growing",
    "walk_minutes": "a list of minutes above 0 and growing, at least one",
    "bounds": "[west, south, east, north] in degrees, or [] for none",
    "limits": "a table of whole numbers above 0: rows, columns, bytes, seconds, nesting (at most 400)",
    **dict.fromkeys(_MEASURES, "a number above 0"),
    **dict.fromkeys(("district_name", "layers", "font"), "a text that is not blank"),
    **dict.fromkeys(("crs", "delivery_crs"), "a text: an EPSG code, WKT, or the name of a file that holds it"),
}


# GEOS and Python's JSON go a level deeper on their stack for each that a file nests; beyond this they would end
_DEEPEST = 400


@dataclass(frozen=True)
class Limits:
    """Hold how much one file may bring: generous for a district, and an end for what has none.

    Parameters
    ----------
    rows
        Rows of one layer.
    columns
        Columns of one layer; a GeoPackage itself holds 2000.
    bytes
        Bytes of the file with its parts, and of all that it unpacks to; a shapefile's own limit is 2 GiB a part.
    seconds
        Time from the opening of the file until its rows are read.
    nesting
        How deep brackets, elements and collections may stand in each other.

    Raises
    ------
    UsageError
        A limit that is no whole number above 0, or a nesting that no reader would survive.
    """

    rows: int = 20_000_000
    columns: int = 2_000
    bytes: int = 4 << 30
    seconds: int = 3_600
    nesting: int = 100

    def __post_init__(self) -> None:
        """Refuse what bounds nothing, or lets in what ends the readers."""
        for one in fields(self):
            came = getattr(self, one.name)
            sound = isinstance(came, int) and not isinstance(came, bool) and came > 0
            if not sound or (one.name == "nesting" and came > _DEEPEST):
                most = f", at most {_DEEPEST}" if one.name == "nesting" else ""
                raise UsageError(
                    f"the limit {one.name} is {came!r}; allowed: a whole number above 0{most}", key=one.name, came=came
                )

    def raised(self, said: Sequence[str]) -> Limits:
        """Return these limits with others in place of some.

        Parameters
        ----------
        said
            Such as "rows=30000000", as `--limit` takes them.

        Returns
        -------
        Limits

        Raises
        ------
        UsageError
            No name of a limit, or no whole number.
        """
        changed = {}
        for text in said:
            name, mark, number = (part.strip() for part in text.partition("="))
            digits = number.replace("_", "").replace(",", "")
            if name not in LIMITS or not mark or not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
                raise UsageError(
                    f"--limit is {text!r}; allowed: NAME=NUMBER, where NAME is {', '.join(LIMITS)} and NUMBER is whole",
                    limit=text,
                )
            changed[name] = int(digits)
        return replace(self, **changed)


LIMITS = tuple(one.name for one in fields(Limits))


@dataclass(frozen=True)
class Settings:
    """Hold what a bureau decides once: district, working CRS, tolerances, language, catalogue folder.

    Parameters
    ----------
    district_code
        Six-digit code of GB/T 2260 (110109 is 门头沟区); a delivery takes those of the layer of districts first.
    district_name
        Name shown on sheets.
    crs
        Working CRS: an EPSG code, a WKT text, or a path to a file that holds the bureau's own WKT (its parameters are
        never written to stores, logs or outputs).
    delivery_crs
        CRS of deliveries to receivers whose profile names none, given like `crs`; None keeps the working CRS.
    tolerance
        Width in metres below which two boundaries count as the same line (overlay, conflicts).
    rings
        Ordered (name, metres) of station catchments. Radii are the bureau's choice: MOHURD's 2015 guideline gives
        300-500 m for the core and 500-800 m for the influence area (domain.md §3.2), so they are data, not constants.
    walk_minutes
        Walking times that sheds are drawn for (邻里、十分钟、十五分钟生活圈), growing.
    walk_speed_mps
        Walking speed on level ground; domain.md §3.2 has 4.5 to 5 km/h.
    walk_depth_m
        How deep the ground on both sides of a way counts as reached on foot.
    break_crossings
        Whether ways that cross without a common vertex meet there; bridges, tunnels and ways of another level never do.
    employed_share
        Share of residents who work, for the jobs-housing ratio (职住比); None leaves that ratio out.
    bounds
        Plausible (west, south, east, north) of the district in degrees, CGCS2000; None switches the check off.
    lang
        "zh" or "en": which language comes first for people.
    layers
        Folder of the catalogue; None means the checkout's `layers/` or the wheel's copy.
    font
        File of the typeface that sheets are written in (*.otf, *.ttf, *.ttc); None means the one that comes with the
        packages, which makes the same sheet on every machine.
    limits
        How much one file may bring.

    Raises
    ------
    UsageError
        A value that no analysis could use, with what is allowed.
    """

    district_code: str = "110109"
    district_name: str = "门头沟区"
    crs: str = "EPSG:4548"
    tolerance: float = 0.5
    rings: tuple[tuple[str, float], ...] = (("300米圈", 300.0), ("核心区", 500.0), ("影响区", 800.0))
    walk_minutes: tuple[float, ...] = (5.0, 10.0, 15.0)
    walk_speed_mps: float = 1.25
    walk_depth_m: float = 50.0
    break_crossings: bool = False
    employed_share: float | None = None
    bounds: tuple[float, float, float, float] | None = (115.417, 39.809, 116.169, 40.177)
    lang: str = "zh"
    layers: Path | None = None
    delivery_crs: str | None = None
    font: Path | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Refuse what would surface as an odd figure, or halfway through a job."""
        for name in self._faults():
            value = getattr(self, name)
            raise UsageError(f"{name} of the settings is {value!r}; allowed: {ALLOWED[name]}", key=name, came=value)

    def _faults(self) -> Iterator[str]:
        """Yield the names of values that are not allowed."""
        if not (self.district_code.isascii() and self.district_code.isdigit() and len(self.district_code) == 6):
            yield "district_code"
        if not self.district_name.strip():
            yield "district_name"
        if self.lang not in LANGUAGES:
            yield "lang"
        yield from (name for name in _MEASURES if not _above_zero(getattr(self, name)))
        if self.employed_share is not None and not (_above_zero(self.employed_share) and self.employed_share <= 1):
            yield "employed_share"
        if not isinstance(self.break_crossings, bool):
            yield "break_crossings"
        names, metres = [name.strip() for name, _ in self.rings], [radius for _, radius in self.rings]
        if len(set(names)) < len(names) or not all(names) or not _growing(metres):
            yield "rings"
        if not _growing(self.walk_minutes):
            yield "walk_minutes"
        if self.bounds is not None and not _box(self.bounds):
            yield "bounds"


def _number(value: Any) -> bool:
    """Tell whether a value is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _above_zero(value: Any) -> bool:
    """Tell whether a value is a finite number above 0."""
    return _number(value) and value > 0


def _growing(values: Any) -> bool:
    """Tell whether there are numbers, all above 0, each above the one before."""
    numbers = list(values)
    return bool(numbers) and all(map(_above_zero, numbers)) and numbers == sorted(set(numbers))


def _box(values: Any) -> bool:
    """Tell whether four numbers are west, south, east and north in degrees."""
    if len(values) != 4 or not all(map(_number, values)):
        return False
    west, south, east, north = values
    return -180 <= west < east <= 180 and -90 <= south < north <= 90
