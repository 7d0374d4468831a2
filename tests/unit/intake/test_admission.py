"""Looks at files before a reader opens them: how deep, how far, how much; and limits that hold while one is read."""

from __future__ import annotations

import json
import random
import struct
import threading
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from gis.errors import SourceError, UsageError
from gis.intake.admission import arcs, biff, counts, door, inserts, limits, nesting, reach
from gis.settings import Limits, Settings
from tests.hostile import deaths

POINT = shapely.Point(1, 2)


def test_depth_of_json_is_that_of_its_brackets(tmp_path, monkeypatch):
    """Texts with brackets, quotation marks and backslashes count for nothing, wherever a piece of the file ends."""
    rng = random.Random(1)
    words = ["a[", ']"\\', "\\", '\\\\"{', "火星", 1, None, "((("]

    def made(left):
        kind = rng.random()
        if left == 0 or kind < 0.3:
            return rng.choice(words)
        return [made(left - 1) for _ in range(3)] if kind < 0.6 else {rng.choice("k[\\"): made(left - 1)}

    def depth(value):
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    file = tmp_path / "a.json"
    for _ in range(300):
        value = made(6)
        file.write_text(json.dumps(value, ensure_ascii=rng.random() < 0.5), encoding="utf-8")
        monkeypatch.setattr(nesting, "_PIECE", rng.choice([1, 2, 3, 7, 1000]))
        with limits.held(Limits(nesting=max(depth(value), 1))):
            nesting.json(file)
        if depth(value) > 1:
            with limits.held(Limits(nesting=depth(value) - 1)), pytest.raises(SourceError):
                nesting.json(file)


def test_letters_of_gbk_are_no_brackets(tmp_path):
    """The second byte of such a letter may be that of a bracket, a backslash or a brace."""
    letters = [bytes([0x81, second]).decode("gbk") for second in b"[]{}\\"]
    file = tmp_path / "a.geojson"
    file.write_bytes(json.dumps(dict.fromkeys(letters, letters * 500), ensure_ascii=False).encode("gbk"))
    with limits.held(Limits(nesting=2)):
        nesting.json(file)


DEEP = {
    "point": (POINT, 0),
    "polygon": (shapely.box(0, 0, 1, 1), 0),
    "multipoint": (shapely.MultiPoint([(0, 0), (1, 1)]), 1),
    "multipolygon": (shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(2, 2, 3, 3)]), 1),
    "with heights": (shapely.MultiPoint([(0, 0, 1), (1, 1, 2)]), 1),
    "collection": (shapely.GeometryCollection([shapely.MultiPoint([(0, 0)]), shapely.box(0, 0, 1, 1), POINT]), 2),
    "empty": (shapely.GeometryCollection(), 0),
    "holding an empty one": (
        shapely.GeometryCollection([shapely.GeometryCollection(), shapely.MultiPoint([(0, 0)])]),
        2,
    ),
}


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("flavor", ["iso", "extended"])
@pytest.mark.parametrize("name", DEEP)
def test_depth_of_bytes_is_that_of_the_geometry(name, flavor, order):
    """In both orders of bytes, both spellings of heights, with and without a reference system, as is and in a head."""
    shape, depth = DEEP[name]
    raw = shapely.to_wkb(shape, byte_order=order, flavor=flavor)
    boxed = b"GP\x00\x03" + bytes(4 + 32) + raw
    marked = shapely.to_wkb(shapely.set_srid(shape, 4548), byte_order=order, include_srid=True)
    assert {nesting._depth(one, nesting._start(one)) for one in (raw, boxed, marked)} == {depth}


@pytest.mark.parametrize("depth", [1, 2, 100, 101, 50_000])
def test_what_nests_too_deep_is_refused_with_its_depth(depth, tmp_path):
    """As bytes, as text, as JSON and as XML."""
    file = tmp_path / "a.kml"
    file.write_text("<a>" * depth + "</a>" * depth, encoding="utf-8")
    said = {"bytes": lambda: nesting.wkb([None, deaths.nested_wkb(depth)], "a")}
    said["text"] = lambda: nesting.wkt([None, 3.0, deaths.nested_wkt(depth - 1)], "a")
    said["XML"] = lambda: nesting.xml(file)
    for look in said.values():
        if depth <= 100:
            look()
        else:
            with pytest.raises(SourceError, match=f"{depth:,} levels"):
                look()


HIDDEN = {
    "plainly": ("<a>", "</a>"),
    "behind comments": ("<a><!--</x></x>-->", "</a>"),
    "behind instructions": ("<a><?x </x></x>?>", "</a>"),
    "behind marked text": ("<a><![CDATA[</x></x>]]>", "</a>"),
    "behind attributes": ("<a b='/>' c=\"/>\">", "</a>"),
    "beside elements that end in themselves": ("<a><b/><b c='1'/>", "</a>"),
}


@pytest.mark.parametrize("piece", [1, 2, 3, 1 << 20])
@pytest.mark.parametrize("name", HIDDEN)
def test_elements_are_counted_wherever_they_stand(tmp_path, monkeypatch, name, piece):
    """What is no element, or looks like the end of one, hides none."""
    begin, end = HIDDEN[name]
    monkeypatch.setattr(nesting, "_PIECE", piece)
    file = tmp_path / "a.gml"
    file.write_text('<?xml version="1.0"?>' + begin * 30 + end * 30, encoding="utf-8")
    deepest = 31 if "themselves" in name else 30
    with limits.held(Limits(nesting=deepest)):
        nesting.xml(file)
    with limits.held(Limits(nesting=deepest - 1)), pytest.raises(SourceError, match=f"{deepest} levels"):
        nesting.xml(file)


def test_damage_is_left_to_the_reader(tmp_path):
    """What ends in the middle is no attack: its depth so far is looked at, and nothing else said."""
    for number, raw in enumerate([b"<a><b>", b"<a", b"\xff\xfe<", b"", b'<?xml version="1.0" encoding="x"?><a/>']):
        file = tmp_path / f"{number}.kml"
        file.write_bytes(raw)
        nesting.xml(file)
    nesting.wkb([deaths.nested_wkb(99)[:-30], b"", b"\x01", struct.pack("<BII", 1, 7, 0xFFFFFFFF) * 99])


OLD = {
    "two cells": ([], (1, 2, 2)),
    "a third": ([(4, 7, "x")], (5, 8, 3)),
    "a far one": ([(65535, 255, "x")], (65536, 256, 3)),
}


@pytest.mark.parametrize(
    ("objects", "points"),
    [
        ({"a": {"type": "LineString", "arcs": [0, 1, -1, 7]}}, 8),
        ({"a": {"type": "Polygon", "arcs": [[0], [1, 1]]}, "b": {"type": "Point", "coordinates": [3, 4]}}, 7),
        ({"a": {"geometries": [{"arcs": [-2], "properties": {"arcs": [0, 0]}}]}}, 2),
        (["odd", None], 0),
    ],
)
def test_arcs_count_wherever_they_are_named(tmp_path, objects, points):
    """An arc of three points and one of two; names that are no arcs count for nothing."""
    file = tmp_path / "a.topojson"
    arcs_ = [[[0, 0], [1, 1], [2, 2]], [[5, 5], [6, 6]]]
    file.write_text(json.dumps({"type": "Topology", "arcs": arcs_, "objects": objects}), encoding="utf-8")
    with limits.held(Limits(bytes=max(16 * points, 1))):
        arcs.require(file)
    if points:
        with limits.held(Limits(bytes=16 * points - 1)), pytest.raises(SourceError, match=f"{16 * points} bytes"):
            arcs.require(file)


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("name", OLD)
def test_reach_of_old_workbooks(tmp_path, name, small):
    """The stream may lie in whole sectors or in small pieces."""
    cells, numbers = OLD[name]
    assert biff.reaches(deaths.xls(*cells, small=small)(tmp_path)) == {"waters": numbers}


def test_damaged_old_workbooks_are_left_to_the_reader(tmp_path):
    """Chains that run in circles or out of the file end the look, not the process."""
    file = deaths.xls()(tmp_path)
    sound = file.read_bytes()
    for place in range(0, 2560, 4):
        for number in (b"\x01\x00\x00\x00", b"\xff\xff\xff\x7f"):
            file.write_bytes(sound[:place] + number + sound[place + 4 :])
            assert isinstance(biff.reaches(file), dict)


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.dictionary(pa.int32(), pa.binary())]
)
def test_geometries_of_a_parquet_are_looked_at_whatever_holds_them(tmp_path, kind):
    """Long and short columns of bytes, and such as hold each value once."""
    file = tmp_path / "a.parquet"
    values = pa.array([b"", None, deaths.nested_wkb(200)], pa.binary())
    column = values.dictionary_encode() if pa.types.is_dictionary(kind) else values.cast(kind)
    pq.write_table(pa.table({"geometry": column}).replace_schema_metadata({"geo": "{}"}), file)
    with pytest.raises(SourceError, match="200 levels"):
        counts.parquet(file)


@pytest.mark.parametrize(
    ("rows", "columns", "filled", "is_far"),
    [(3, 4, 12, False), (1 << 20, 4, 3 << 20, False), (1 << 20, 1 << 14, 4, True), (2, (1 << 14) + 1, 9**9, True)],
)
def test_far_is_what_is_mostly_empty_or_beyond_all_sheets(rows, columns, filled, is_far):
    """A long table is none; a value in the last cell is."""
    sheet = reach.Reach(rows, columns, filled)
    if not is_far:
        reach.refuse_far("a.xlsx", "S", sheet)
        return
    with pytest.raises(SourceError, match="delete what stands far"):
        reach.refuse_far("a.xlsx", "S", sheet)


def test_trailing_blanks_of_an_open_sheet_are_not_far(tmp_path):
    """Programs write one row that stands for all that are empty to the end."""
    blank = '<table:table-cell table:number-columns-repeated="16382"/>'
    tail = f'<table:table-row table:number-rows-repeated="1048574">{blank}</table:table-row>'
    reach.eager(deaths.ods(deaths.ODS_ROW.format(deaths.ODS_CELL.format("") + blank) + tail)(tmp_path))


def _drawing(entities, blocks):
    head = f"  0\nSECTION\n  2\nBLOCKS\n{blocks}  0\nENDSEC\n"
    return f"{head}  0\nSECTION\n  2\nENTITIES\n{entities}  0\nENDSEC\n  0\nEOF\n"


DOT = "  0\nPOINT\n  8\n0\n 10\n1\n"
INSERTS = {
    "points alone": (DOT * 3, "", 3),
    "a block twice": ("  0\nINSERT\n  2\nA\n" * 2, f"  0\nBLOCK\n  2\nA\n{DOT * 3}  0\nENDBLK\n", 6),
    "rows and columns": ("  0\nINSERT\n  2\nA\n 70\n3\n 71\n4\n", f"  0\nBLOCK\n  2\nA\n{DOT}  0\nENDBLK\n", 12),
    "in itself": ("  0\nINSERT\n  2\nA\n", f"  0\nBLOCK\n  2\nA\n{DOT}  0\nINSERT\n  2\nA\n  0\nENDBLK\n", 1),
    "a block that is not there": ("  0\nINSERT\n  2\nA\n", "", 0),
}


@pytest.mark.parametrize("line", ["\n", "\r\n"])
@pytest.mark.parametrize("name", INSERTS)
def test_drawings_are_counted_with_their_blocks_in_place(tmp_path, name, line):
    """One more than there are is allowed, one fewer is not."""
    entities, blocks, count = INSERTS[name]
    file = tmp_path / "a.dxf"
    file.write_bytes(_drawing(entities, blocks).replace("\n", line).encode())
    with limits.held(Limits(rows=count or 1)):
        inserts.require(file)
    if count > 1 and "INSERT" in entities:
        with limits.held(Limits(rows=count - 1)), pytest.raises(SourceError, match=f"{count} rows"):
            inserts.require(file)


def test_texts_of_a_parquet_are_counted_as_often_as_they_are_there(tmp_path):
    """A hundred rows of one text of a thousand letters are a hundred thousand bytes."""
    file = tmp_path / "a.parquet"
    pd.DataFrame({"a": ["x" * 1000] * 100, "n": range(100)}).to_parquet(file)
    with limits.held(Limits(bytes=100_000)):
        counts.parquet(file)
    with limits.held(Limits(bytes=99_999)), pytest.raises(SourceError, match="100,000 bytes"):
        counts.parquet(file)


def test_parts_count_with_their_file(tmp_path):
    """A shapefile is as long as its geometry and its table."""
    for suffix, size in ((".shp", 60), (".dbf", 50)):
        (tmp_path / f"a{suffix}").write_bytes(bytes(size))
    with limits.held(Limits(bytes=110)):
        door.admit(tmp_path / "a.shp")
    with limits.held(Limits(bytes=109)), pytest.raises(SourceError, match="110 bytes"):
        door.admit(tmp_path / "a.shp")


def test_time_that_is_over_stops_the_reading(tmp_path):
    """The main thread is interrupted wherever it is; what it was about is said."""
    began = time.monotonic()
    over = pytest.raises(SourceError, match=r"a\.csv takes more than 1 seconds")
    with limits.held(Limits(seconds=1)), over, limits.watched(tmp_path / "a.csv"):
        while time.monotonic() < began + 20:
            np.arange(1000).sum()
    assert time.monotonic() < began + 10


def test_an_interruption_by_a_person_stays_one(tmp_path):
    """Ctrl-C while a file is read ends the command, and is no fault of the file."""
    with pytest.raises(KeyboardInterrupt), limits.watched(tmp_path / "a.csv"):
        raise KeyboardInterrupt


def test_time_is_asked_for_in_other_threads(tmp_path):
    """Nobody interrupts them; between two pieces of a file they ask."""
    said = []

    def read():
        try:
            with limits.held(Limits(seconds=1)), limits.watched(tmp_path / "a.csv"):
                time.sleep(1.1)
                limits.in_time()
        except SourceError as error:
            said.append(str(error))

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert said and "a.csv" in said[0]


@pytest.mark.parametrize("one", [{"rows": 0}, {"bytes": -1}, {"columns": 1.5}, {"seconds": True}, {"nesting": 401}])
def test_limits_that_bound_nothing_are_refused(one):
    """Each is a whole number above 0, and nothing may nest as deep as ends the readers."""
    with pytest.raises(UsageError, match=next(iter(one))):
        Limits(**one)


def test_what_holds_is_what_was_said_last():
    """Blocks stand in each other, and settings have the limits that hold everywhere else."""
    assert limits.current() == Settings().limits == Limits()
    with limits.held(Limits(rows=5)):
        with limits.held(limits.current().raised(["rows=7", "columns=1,000"])):
            assert (limits.current().rows, limits.current().columns) == (7, 1000)
        assert limits.current().rows == 5
