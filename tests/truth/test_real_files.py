"""Every real file of four folders loads with its facts right, or is refused with a reason: real_files.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely

from gis import catalogue, errors
from gis.errors import GisError, SourceError
from gis.intake.conform import conform
from gis.intake.read import Source, read
from gis.settings import Settings

TABLE = tomllib.loads(Path(__file__).with_name("real_files.toml").read_text(encoding="utf-8"))
FILES = {entry["path"]: entry for entry in TABLE["file"]}
GROUPED = {path: group["says"] for group in TABLE["group"] for path in group["paths"]}
FOLDERS = ("beijing", "coords", "messy", "planning")
# a millimetre in metres, a decimetre in degrees
NEAR = 1e-3
NEAR_DEGREES = 1e-6

pytestmark = pytest.mark.realdata


def test_no_file_is_missing_from_the_table(realdata):
    """And none is in it that is not there, none twice."""
    there = {
        path.relative_to(realdata).as_posix()
        for folder in FOLDERS
        for path in (realdata / folder).rglob("*")
        if path.is_file()
    }
    named = [entry["path"] for entry in TABLE["file"]] + [path for group in TABLE["group"] for path in group["paths"]]
    assert sorted(named) == sorted(there)


@pytest.mark.parametrize("name", GROUPED)
def test_what_is_no_file_of_its_own_is_refused(realdata, name):
    """With the words that lead on."""
    with pytest.raises(SourceError, match=GROUPED[name].replace(".", r"\.")):
        read(realdata / name)


def wanted(entry) -> tuple[dict, dict]:
    """Return the flags with which a file loads and the facts that must come out; none where it never does."""
    return ({}, entry["loads"]) if "loads" in entry else (entry.get("then", {}).get("options", {}), entry.get("then"))


@pytest.mark.parametrize("name", [name for name, entry in FILES.items() if "refused" in entry])
def test_a_file_in_doubt_is_refused_with_a_reason(realdata, name):
    """By class, which decides the exit code, and by the words that say what to do, in one sentence or a ranking."""
    expected = FILES[name]["refused"]
    with pytest.raises(getattr(errors, expected["error"])) as caught:
        read(realdata / name)
    assert expected["says"] in str(caught.value)


@pytest.mark.parametrize("name", [name for name, entry in FILES.items() if wanted(entry)[1]])
def test_a_file_loads_with_its_facts_right(realdata, name):
    """As it is, or with the flags that settle the doubt."""
    options, facts = wanted(FILES[name])
    if "reported" in FILES[name]:
        try:
            source = read(realdata / name, **options)
        except GisError:
            return
    else:
        source = read(realdata / name, **options)
    assert differences(source, facts) == []


def differences(source: Source, facts: dict) -> list[str]:
    """Return the facts that a source does not have."""
    return [fact for fact in facts if fact != "options" and not CHECKS[fact](source, facts[fact])]


def first_vertex(source: Source, row: int) -> np.ndarray:
    return shapely.get_coordinates(source.frame.geometry.iloc[row])[0]


def near(source: Source, came, expected) -> bool:
    tolerance = NEAR_DEGREES if source.frame.crs.is_geographic else NEAR
    return bool(np.allclose(came, expected, rtol=0, atol=tolerance))


CHECKS = {
    "format": lambda source, value: source.format == value,
    "rows": lambda source, value: len(source.frame) == value,
    "encoding": lambda source, value: source.decided("encoding").value == value,
    "crs": lambda source, value: source.frame.crs.equals(pyproj.CRS(value), ignore_axis_order=True),
    "cell": lambda source, value: source.frame[value[0]].iloc[value[1]] == value[2],
    "has": lambda source, value: list(source.frame.loc[source.frame[value[0]] == value[1], "ADMINCODE"]) == [value[2]],
    "blank": lambda source, value: pd.isna(source.frame[value[0]].iloc[value[1]]),
    "vertex": lambda source, value: near(source, first_vertex(source, value[0]), value[1:]),
    "bounds": lambda source, value: near(source, source.frame.total_bounds, value),
    "note": lambda source, value: value in set(source.notes["code"]),
}


@pytest.mark.parametrize("name", [name for name, entry in FILES.items() if "conform" in entry])
def test_a_planning_layer_takes_every_row_or_none(realdata, name):
    """No row is lost on the way into the layer's columns; a table without places is refused, in words."""
    expected = FILES[name]["conform"]
    source = read(realdata / name, **wanted(FILES[name])[0])
    shared = catalogue.read()
    layer = shared.layer(expected["layer"])
    if "says" in expected:
        with pytest.raises(GisError, match=expected["says"]):
            conform(source, layer, settings=Settings(), catalogue=shared)
        return
    frame = conform(source, layer, settings=Settings(), catalogue=shared).frame
    assert len(frame) == expected["rows"] == len(source.frame)
    assert frame.crs.to_epsg() == 4548
