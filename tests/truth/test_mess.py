"""Three hundred files gone wrong: whatever intake makes of them, nothing is wrong without a word."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import shapely

from gis.sample import mess
from tests.bench import intake

# a file in which nothing is wrong, in each format that says its CRS
SOUND = [mess.Case("units", format_, ()) for format_ in ("shp", "zip", "gpkg", "geojson")]


@pytest.mark.parametrize("case", mess.CASES, ids=lambda case: case.name)
def test_nothing_is_wrong_and_silent(case, tmp_path):
    """A spoiled file is read right, or somebody is told."""
    result = intake.run(case, tmp_path)
    assert result.outcome != "wrong", f"{result.why} ({case.why})"


@pytest.mark.parametrize("case", SOUND, ids=lambda case: case.name)
def test_a_sound_file_is_right(case, tmp_path):
    """The judge finds no fault where there is none."""
    assert intake.run(case, tmp_path) == intake.Result(case, "right")


@pytest.fixture
def sound(tmp_path):
    """Give a sound file as it was loaded, and its truth."""
    case = SOUND[0]
    return intake.load(mess.write(case, tmp_path), case, {}), mess.truth(case), case


def test_the_judge_sees_a_changed_value(sound):
    """One character more in one name is wrong, since nothing says so."""
    loaded, truth, case = sound
    other = loaded.frame.assign(name=[f"{loaded.frame['name'].iloc[0]}?", *loaded.frame["name"].iloc[1:]])
    outcome, why = intake.judge(dataclasses.replace(loaded, frame=other), truth, case)
    assert outcome == "wrong" and "row 1, name" in why


def test_the_judge_sees_a_line_that_moved_two_centimetres(sound):
    """A centimetre is rounding, two are not."""
    loaded, truth, case = sound
    for metres, outcome in ((0.005, "right"), (0.02, "wrong")):
        shift = loaded.frame.geometry.to_numpy().copy()
        shift[3] = shapely.transform(shift[3], lambda xy, by=metres: np.add(xy, (by, 0.0)))
        moved = dataclasses.replace(loaded, frame=loaded.frame.set_geometry(shift, crs=loaded.frame.crs))
        assert intake.judge(moved, truth, case)[0] == outcome


def test_the_judge_sees_a_lost_row(sound):
    """Rows in are rows out."""
    loaded, truth, case = sound
    assert intake.judge(dataclasses.replace(loaded, frame=loaded.frame.iloc[:-1]), truth, case)[0] == "wrong"


def test_the_report_counts_every_case_once(tmp_path):
    """The totals add up to the cases, and what is wrong is listed by name."""
    case = mess.CASES[0]
    found = [intake.Result(case, "right"), intake.Result(case, "wrong", "because")]
    text = intake.report(found, ["scripts/bench", "intake"])
    assert "| settled by evidence | 2 | 1 | – | – | – | 1 | 50% |" in text
    assert f"`{case.name}` **wrong**: because" in text
