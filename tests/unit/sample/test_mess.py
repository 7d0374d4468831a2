"""The list of files gone wrong: three hundred cases, each named once, argued, and written the same every time."""

from __future__ import annotations

import collections

import numpy as np
import pandas as pd
import pytest
import shapely

from gis import rows
from gis.sample import mess
from gis.sample.mess import writers

# one case of every format, and those in which the writer reaches into the bytes
WRITTEN = [
    mess.Case("units", "shp", ("cut_gbk_unsaid", "bowtie")),
    mess.Case("units", "zip", ("zip_gbk_names", "zip_junk")),
    mess.Case("blocks", "gpkg", ("srs_minus_1",)),
    mess.Case("stations", "geojson", ("gcj02_marks",)),
    mess.Case("units", "kml", ("kml_plain",)),
    mess.Case("stations", "dxf", ("dxf_plain",)),
    mess.Case("stations", "csv", ("csv_one_cell", "csv_utf16")),
    mess.Case("blocks", "xlsx", ("title_row", "dates_words")),
]


def test_there_are_three_hundred_cases_each_with_its_own_name():
    """The list is as long as it says, and nothing is counted twice."""
    names = [case.name for case in mess.CASES]
    assert len(names) == len(set(names)) == 300


def test_every_trap_is_sprung_at_least_ten_times_singly_and_in_pairs():
    """No trap is judged by a handful of files, and each meets another one."""
    counted = collections.Counter(trap for case in mess.CASES for trap in case.traps)
    pairs = {trap for case in mess.CASES if len(case.traps) > 1 for trap in case.traps}
    assert {one.trap for one in mess.SPOILINGS.values()} == set(counted) == pairs
    assert min(counted.values()) >= 10


def test_every_spoiling_is_used():
    """A spoiling that no case has would prove nothing."""
    used = {name for case in mess.CASES for name in case.spoilings}
    assert used == set(mess.SPOILINGS)


def test_formats_are_known_and_used():
    """Every format that can be written is met."""
    assert {case.format for case in mess.CASES} == set(writers.WRITERS)


@pytest.mark.parametrize("case", mess.CASES, ids=lambda case: case.name)
def test_what_evidence_settles_is_argued(case):
    """Each case says in one line why it is settled or not, and those that are not settled have no lines to fit."""
    reasons, _, verdict = case.why.rpartition(": ")
    assert verdict == ("settled" if case.settled else "not settled")
    assert reasons and "\n" not in case.why
    assert all(mess.SPOILINGS[name].why in reasons for name in case.spoilings)


@pytest.mark.parametrize(
    ("layer", "spoilings", "fit", "settled"),
    [
        ("blocks", ("gbk_ldid57",), False, True),
        ("blocks", ("no_prj",), False, False),
        ("blocks", ("no_prj",), True, True),
        ("stations", ("no_prj",), True, False),
        ("blocks", ("xian80_no_prj",), True, False),
        ("blocks", ("gbk_ldid57", "no_prj"), False, False),
        ("blocks", ("gbk_ldid57", "no_prj"), True, True),
    ],
)
def test_the_weakest_evidence_decides(layer, spoilings, fit, settled):
    """A case is settled only if each of its doubts is; lines settle what points cannot."""
    assert mess.Case(layer, "shp", spoilings, fit).settled is settled


@pytest.mark.parametrize("case", WRITTEN, ids=lambda case: case.name)
def test_files_are_the_same_every_time(case, tmp_path):
    """Writing a case twice gives the same names and bytes."""
    content = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        path = mess.write(case, folder)
        assert path.parent == folder
        content.append({file.name: file.read_bytes() for file in folder.iterdir()})
    assert content[0] == content[1] and path.name in content[0]


def test_the_table_of_a_shapefile_has_the_bytes_that_the_case_names(tmp_path):
    """GBK without a .cpg, the code page byte as wanted; the UTF-8 twin holds other bytes."""
    path = mess.write(mess.Case("units", "shp", ("gbk_ldid57",)), tmp_path)
    raw = path.with_suffix(".dbf").read_bytes()
    assert raw[29] == 0x57 and not path.with_suffix(".cpg").exists()
    assert "青宁片区更新单元".encode("gbk") in raw and "青宁片区更新单元".encode() not in raw


def test_names_in_a_zip_are_gbk_without_the_flag(tmp_path):
    """A member's name is bytes of GBK, and bit 11 does not say UTF-8."""
    raw = mess.write(mess.Case("units", "zip", ("zip_gbk_names",)), tmp_path).read_bytes()
    name = "更新单元.shp".encode("gbk")
    start = raw.index(name)
    assert raw[start - 30 : start - 26] == b"PK\3\4" and not raw[start - 23] & 0x08


@pytest.mark.parametrize("layer", sorted({case.layer for case in mess.CASES}))
def test_clean_rows_keep_the_rules(layer, known):
    """What is spoiled was in order before."""
    assert rows.check(mess.clean(layer), known.layers[layer], known).empty


@pytest.mark.parametrize("case", mess.CASES, ids=lambda case: case.name)
def test_truths_lie_on_the_ground_of_the_town(case):
    """Whatever is written, the truth is in the working CRS, and marks point at rows and fields of the file."""
    truth = mess.truth(case)
    clean = mess.clean(case.layer)
    assert truth.frame.crs.to_epsg() == 4548
    fields = {*clean.columns, mess.WHOLE}
    assert all(0 <= row < truth.rows and field in fields for row, field in truth.marks)
    same = shapely.equals_exact(truth.frame.geometry.to_numpy(), clean.geometry.to_numpy()[: len(truth.frame)])
    assert same.all()


def test_gcj_and_utm_move_the_rows_as_far_as_the_world_does(tmp_path):
    """GCJ-02 is some 550 m off here, Beijing 1954 less than a hundred; a metre grid keeps its numbers."""
    moved = {}
    for name in ("gcj02", "beijing54_said", "zone_unsaid"):
        draft = mess._draft(mess.Case("stations", "shp", (name,)))
        moved[name] = shapely.get_coordinates(draft.shapes)[0]
    x, y = shapely.get_coordinates(mess.clean("stations").geometry.to_numpy())[0]
    assert np.hypot(*(moved["beijing54_said"] - (x, y))) == pytest.approx(np.hypot(66.9, 51.7))
    assert moved["zone_unsaid"] == pytest.approx([x + 39_000_000.0, y], abs=1e-6)
    lon, lat = 116.980342, 39.695671
    east = (moved["gcj02"][0] - lon) * 111_320.0 * np.cos(np.radians(lat))
    assert 500.0 < np.hypot(east, (moved["gcj02"][1] - lat) * 111_030.0) < 620.0


@pytest.mark.parametrize("name", ["over_254_gbk", "over_254_utf8"])
def test_a_long_text_is_longer_than_a_shapefile_keeps(name, tmp_path):
    """The text that the truth has is not whole in the table, and the case says so."""
    case = mess.Case("projects", "shp", (name,))
    truth = mess.truth(case)
    ((row, field),) = truth.marks
    encoding = "gbk" if name.endswith("gbk") else "utf-8"
    raw = mess.write(case, tmp_path).with_suffix(".dbf").read_bytes()
    whole = truth.frame[field].iloc[row].encode(encoding)
    assert whole not in raw and whole[:254] in raw


# a format as it usually comes, and the usual names of columns, are on the list to be read like anything else
USUAL = {"csv_plain", "dxf_plain", "kml_plain", "names_zh", "xlsx_plain", "zip_plain"}


@pytest.mark.parametrize("name", sorted(set(mess.SPOILINGS) - USUAL))
def test_every_spoiling_changes_the_file(name, tmp_path):
    """The files of a spoiled case are not those of the same case unspoiled."""
    case = next(one for one in mess.CASES if name in one.spoilings)
    content = []
    for spoilings in ((name,), ()):
        folder = tmp_path / str(len(spoilings))
        folder.mkdir()
        mess.write(mess.Case(case.layer, case.format, spoilings), folder)
        content.append({file.name: file.read_bytes() for file in folder.iterdir()})
    assert content[0] != content[1]


def test_blanks_are_blank_in_the_truth_too():
    """A case that leaves values out does not ask for them back."""
    truth = mess.truth(mess.Case("buildings", "shp", ("blanks",)))
    assert pd.isna(truth.frame["storeys"].iloc[0]) and not truth.marks
