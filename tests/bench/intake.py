"""Hold intake against three hundred files gone wrong (`gis.sample.mess`): `scripts/bench intake --help`.

Each file is read, conformed, repaired and validated as `gis load` does it, and what comes out is compared with the
truth value by value and line by line. The outcome is one of

* right: every row is as it was before it was spoiled, or, where the truth is no longer in the file, a finding names it;
* said: something is not as it was, and a finding of severity warning or error, or the list of columns that became no
  field, says so: the person is told, but the evidence was not used;
* asked: refused with a sentence that names a flag which settles it, and with that flag it comes out right or said;
* refused: refused with another reason of our own, or its rows held back in quarantine though nothing is lost in them;
* wrong: something is not as it was and nothing says so, or the program failed.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import functools
import json
import re
import sys
import tempfile
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis import catalogue as catalogues
from gis import crs as systems
from gis import findings, rows
from gis.errors import GisError
from gis.intake import conform, measures, repair, validate
from gis.intake.read import read
from gis.sample import mess
from gis.sample.mess import Case, Truth
from gis.settings import Settings
from tests.bench import measuring

OUTCOMES = ("right", "said", "asked", "refused", "wrong")
FLAGS = ("crs", "encoding", "datum", "layer")
# m, and parts of a value
NEAR_M = 0.01
NEAR = 1e-6
PACKAGES = ("geopandas", "shapely", "pyogrio", "pyproj", "pandas")
# how often a person answers before giving up
ANSWERS = 3


@dataclasses.dataclass(frozen=True)
class Result:
    """Hold what became of a case, why, and with which flags."""

    case: Case
    outcome: str
    why: str = ""
    given: tuple[str, ...] = ()

    @property
    def wanted(self) -> bool:
        """Tell whether the outcome is what the issue asks for."""
        good = {"right"} if self.case.settled else {"asked", "refused"}
        return self.outcome in good


@dataclasses.dataclass(frozen=True)
class Loaded:
    """Hold what intake made of a file."""

    frame: gpd.GeoDataFrame
    found: pd.DataFrame


@functools.lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of the town: its working CRS and the bounds of its district."""
    degrees = systems.to(mess.town()["districts"], systems.CGCS2000)
    west, south, east, north = (float(value) for value in degrees.total_bounds)
    return Settings(bounds=(west, south, east, north))


@functools.lru_cache(maxsize=1)
def known() -> catalogues.Catalogue:
    """Return the catalogue."""
    return catalogues.read()


@functools.lru_cache(maxsize=1)
def keys() -> dict[str, set[str]]:
    """Return the keys that a store of the town holds, by layer."""
    return {name: set(frame[known().layer(name).key]) for name, frame in mess.town().items()}


def load(path: Path, case: Case, flags: Mapping[str, str]) -> Loaded:
    """Read, conform, repair and validate one file as `gis load` does."""
    layer = known().layer(case.layer)
    source = read(path, **flags, bounds=settings().bounds, fit=mess.reference() if case.fit else None)
    made = conform.conform(source, layer, settings=settings(), catalogue=known())
    mended = repair.repair(rows.canonical(made.frame, layer, settings().crs), layer)
    wanted = {field.reference for field in layer.fields if field.reference}
    references = {name: keys()[name] for name in wanted if name in keys()}
    checked = validate.validate(mended.frame, layer, catalogue=known(), settings=settings(), references=references)
    areas = measures.check(mended.frame, layer)
    return Loaded(mended.frame, findings.join(source.notes, made.findings, mended.findings, checked, areas))


def run(case: Case, folder: Path) -> Result:
    """Write a case, load it, answer what is asked, and judge the outcome."""
    path = mess.write(case, folder)
    given: dict[str, str] = {}
    for _ in range(ANSWERS + 1):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                loaded = load(path, case, given)
        except GisError as error:
            asked = {flag: case.flags[flag] for flag in named_flags(error) if flag in case.flags and flag not in given}
            if asked:
                given |= asked
                continue
            # a question that no answer settles is a refusal
            return Result(case, "refused", f"{type(error).__name__}: {error}", tuple(given))
        except Exception as error:
            return Result(case, "wrong", f"{type(error).__name__}: {error}", tuple(given))
        outcome, why = judge(loaded, mess.truth(case), case)
        if given and outcome in {"right", "said"}:
            outcome = "asked"
        return Result(case, outcome, why, tuple(given))
    return Result(case, "refused", "asked again and again", tuple(given))


def named_flags(error: GisError) -> list[str]:
    """Return the flags that an error names, in its details or in its sentence."""
    told = f"{error.details.get('flag', '')} {error}"
    return [flag for flag in FLAGS if re.search(rf"--{flag}\b", told)]


def judge(loaded: Loaded, truth: Truth, case: Case) -> tuple[str, str]:
    """Compare what was loaded with the truth; return outcome and reason."""
    if len(loaded.frame) != truth.rows:
        return "wrong", f"{truth.rows} rows in the file, {len(loaded.frame)} loaded"
    said = Said(loaded, truth, case)
    differences = [*_cells(loaded.frame, truth), *_places(loaded.frame, truth), *_made_up(truth)]
    silent = [one for one in differences if not said.names(*one)]
    if silent:
        row, field = silent[0]
        what = f"{len(silent)} of {len(differences)} differences unsaid, first row {row + 1}, {field}"
        return "wrong", f"{what}: {_shown(loaded.frame, truth, row, field)}"
    if not case.settled and len(said.held) == truth.rows:
        return "refused", f"every row in quarantine: {said.codes()}"
    surprising = [one for one in differences if one not in truth.marks and (one[0], mess.WHOLE) not in truth.marks]
    spoiled = {row for row, _ in truth.marks}
    held = said.held - spoiled
    if surprising and {row for row, _ in surprising} <= said.held:
        return "refused", f"rows in quarantine: {said.codes()}"
    if surprising:
        row, field = surprising[0]
        return "said", f"row {row + 1}, {field}: {_shown(loaded.frame, truth, row, field)}; said by {said.codes()}"
    if held:
        return "refused", f"{len(held)} sound rows in quarantine: {said.codes()}"
    return "right", f"named: {said.codes()}" if truth.marks else ""


class Said:
    """Answer what the findings of a loading say."""

    def __init__(self, loaded: Loaded, truth: Truth, case: Case) -> None:
        self.loaded, self.truth, self.case = loaded, truth, case
        self.key = known().layer(case.layer).key
        self.records = [
            {**record, "parameters": json.loads(record["parameters"])}
            for record in loaded.found.to_dict("records")
            if record["severity"] in {"warning", "error"}
        ]
        self.held = {
            int(record["parameters"]["row"]) - 1
            for record in self.records
            if record["severity"] == "error" and record["parameters"].get("row") is not None
        }
        unknown = loaded.found.loc[loaded.found["code"] == "columns.unknown", "parameters"]
        self.aside = {name for text in unknown for name in json.loads(text)["columns"]}

    def codes(self) -> str:
        """Return the codes of all findings that a person would look at."""
        found = {str(record["code"]) for record in self.records} | ({"columns.unknown"} if self.aside else set())
        return ", ".join(sorted(found)) or "no finding"

    def names(self, row: int, field: str) -> bool:
        """Tell whether a finding names a difference, or the value is kept aside with a word about its column."""
        if row in self.held or any(self._about(record, row, field) for record in self.records):
            return True
        return bool(self.aside) and field not in {mess.GEOMETRY, mess.WHOLE} and self._blank(row, field)

    def _blank(self, row: int, field: str) -> bool:
        """Tell whether the field is empty because its column became no field."""
        column = self.truth.columns.get(field, "")
        kept = any(name == column or name.startswith(column[:3]) for name in self.aside)
        return kept and bool(pd.isna(self.loaded.frame[field].iloc[row]))

    def _about(self, record: Mapping[str, Any], row: int, field: str) -> bool:
        """Tell whether one finding is about a row's field."""
        parameters = record["parameters"]
        named = record["field"] if isinstance(record["field"], str) else None
        columns = parameters.get("columns") or ([parameters["column"]] if "column" in parameters else [])
        if named is not None and field != mess.WHOLE and named != field:
            return False
        if columns and self.truth.columns.get(field) not in columns and field not in columns:
            return False
        number = parameters.get("row", parameters.get("number"))
        if number is not None:
            return int(number) - 1 == row
        around = [record["feature"], parameters.get("other"), *(parameters.get("neighbours") or [])]
        features = {str(name) for name in around if isinstance(name, str)}
        if self._keys(row) & features:
            return True
        if features and record["feature"] not in {None, self.case.layer} and isinstance(record["feature"], str):
            return False
        # a word about the file as a whole counts for what it is about
        about = str(record["code"]).split(".")[0]
        if field == mess.GEOMETRY:
            return about in {"place", "datum", "crs", "geometry", "coverage"} and not features
        return (named == field or bool(columns)) and not features

    def _keys(self, row: int) -> set[str]:
        """Return the keys that a row has and should have."""
        found = {str(self.loaded.frame[self.key].iloc[row])}
        if row < len(self.truth.frame):
            found.add(str(self.truth.frame[self.key].iloc[row]))
        return found


def _cells(frame: gpd.GeoDataFrame, truth: Truth) -> Iterable[tuple[int, str]]:
    """Yield row and field wherever a value is not the true one."""
    for name in truth.frame.columns:
        if name == truth.frame.geometry.name or name not in frame.columns:
            continue
        true, came = truth.frame[name], frame[name].iloc[: len(truth.frame)].reset_index(drop=True)
        blank = true.isna().to_numpy(dtype=bool), came.isna().to_numpy(dtype=bool)
        if pd.api.types.is_float_dtype(true.dtype):
            same = np.isclose(came.to_numpy(dtype=float), true.to_numpy(dtype=float), rtol=NEAR, atol=NEAR)
        else:
            same = np.array([a == b for a, b in zip(came.array.astype(object), true.array.astype(object), strict=True)],
                            dtype=object)  # fmt: skip
            same = np.array([one is True or one is np.True_ for one in same])
        same = (same & ~blank[0] & ~blank[1]) | (blank[0] & blank[1])
        yield from ((int(row), str(name)) for row in np.flatnonzero(~same))


def _places(frame: gpd.GeoDataFrame, truth: Truth) -> Iterable[tuple[int, str]]:
    """Yield row and "geometry" wherever a line lies elsewhere."""
    came = frame.geometry.to_numpy()[: len(truth.frame)]
    true = truth.frame.geometry.to_numpy()
    for row, (one, other) in enumerate(zip(came, true, strict=True)):
        if one is None or one.is_empty or not _alike(one, other):
            yield row, mess.GEOMETRY


def _alike(one: shapely.Geometry, other: shapely.Geometry) -> bool:
    """Tell whether two geometries are the same ground to a centimetre."""
    if one.geom_type != other.geom_type or not np.isfinite(one.bounds).all():
        return False
    if shapely.hausdorff_distance(one, other) > NEAR_M:
        return False
    return one.geom_type == "Point" or abs(one.area - other.area) <= NEAR_M * max(one.length, 1.0)


def _made_up(truth: Truth) -> Iterable[tuple[int, str]]:
    """Yield the rows that should not be there, and those that were made ambiguous."""
    yield from ((row, name) for row, name in sorted(truth.marks) if name == mess.WHOLE)


def _shown(frame: gpd.GeoDataFrame, truth: Truth, row: int, field: str) -> str:
    """Show what came and what is true."""
    if field not in frame.columns or row >= len(truth.frame):
        return "a row that should not be there"
    if field == mess.GEOMETRY:
        came, true = frame.geometry.iloc[row], truth.frame.geometry.iloc[row]
        return "none" if came is None else f"{shapely.hausdorff_distance(came, true):,.2f} m off"
    return f"{str(frame[field].iloc[row])[:30]!r} for {str(truth.frame[field].iloc[row])[:30]!r}"


def run_all(cases: Sequence[Case] = mess.CASES) -> list[Result]:
    """Run cases one after the other, each in a folder of its own."""
    found = []
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="gis-mess-") as folder:
            found.append(run(case, Path(folder)))
    return found


def report(found: Sequence[Result], arguments: Sequence[str]) -> str:
    """Word the results as a page."""
    where = f"On {measuring.machine(PACKAGES)}. Again: `" + " ".join(arguments) + "`."
    prose = (__doc__ or "").partition("\n\n")[2].strip()
    parts = ["# Intake against three hundred files gone wrong", prose, where, "## Totals", totals(found)]
    parts += ["## By trap", by_trap(found)]
    for title, chosen in (
        ("Wrong", [one for one in found if one.outcome == "wrong"]),
        ("Settled by evidence, and not right without a question", [one for one in found if one.case.settled
         and one.outcome not in {"right", "wrong"}]),
        ("Not settled by evidence, and neither asked nor refused", [one for one in found if not one.case.settled
         and one.outcome in {"right", "said"}]),
        ("Refused, though a person could have answered", [one for one in found if not one.case.settled
         and one.outcome == "refused" and one.case.flags]),
    ):  # fmt: skip
        lines = [f"* `{one.case.name}` **{one.outcome}**: {_line(one.why)} ({one.case.why})" for one in chosen]
        parts += [f"## {title}: {len(chosen)}", "\n".join(lines) or "None."]
    return "\n\n".join(parts) + "\n"


def totals(found: Sequence[Result]) -> str:
    """Return the table of outcomes of cases that evidence can settle and of the rest."""
    table = []
    for title, settled in (("settled by evidence", True), ("not settled", False)):
        chosen = [one for one in found if one.case.settled is settled]
        good = sum(one.wanted for one in chosen)
        table.append({"cases": title, "number": str(len(chosen)), **_counts(chosen),
                      "as wanted": f"{good / max(len(chosen), 1):.0%}"})  # fmt: skip
    return measuring.table(table)


def by_trap(found: Sequence[Result]) -> str:
    """Return the table of outcomes by trap; a case with two spoilings counts in both."""
    traps = dict.fromkeys(trap for one in found for trap in one.case.traps)
    table = []
    for trap in traps:
        chosen = [one for one in found if trap in one.case.traps]
        table.append({"trap": trap, "cases": str(len(chosen)), **_counts(chosen)})
    return measuring.table(table)


def _counts(found: Sequence[Result]) -> dict[str, str]:
    """Return the number of each outcome."""
    counted = collections.Counter(one.outcome for one in found)
    return {outcome: str(counted[outcome] or "–") for outcome in OUTCOMES}


def _line(text: str) -> str:
    """Return a reason on one line, without the name of a folder."""
    return re.sub(r"\S*gis-mess-\S*/", "", " ".join(text.split()))[:240]


def options() -> argparse.ArgumentParser:
    """Return the command's options."""
    parser = argparse.ArgumentParser(prog="scripts/bench intake", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", metavar="TEXT", default="", help="only cases whose name contains this text")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the report, such as docs/bench-intake.md")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Parse the options, run the cases, print, and write the report where it is asked for; 1 if any is wrong."""
    given = sys.argv[1:] if arguments is None else arguments
    chosen = options().parse_args(given)
    found = run_all([case for case in mess.CASES if chosen.only in case.name])
    text = report(found, ["scripts/bench", "intake", *given])
    print(text, flush=True)
    if chosen.write:
        chosen.write.parent.mkdir(parents=True, exist_ok=True)
        chosen.write.write_text(text, encoding="utf-8")
    return int(any(one.outcome == "wrong" for one in found))


if __name__ == "__main__":
    sys.exit(main())
