"""Random bytes in any part of a file: never a crash, a hang or a full memory, never a row that validation rejects."""

from __future__ import annotations

import io
import json
import multiprocessing
import zipfile
from concurrent.futures import ProcessPoolExecutor

import geopandas as gpd
import pyogrio
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from tests.unit.intake import fuzzing
from tests.unit.intake.handmade import square

# a file of three rows is read in milliseconds; what takes this long hangs
PATIENCE_S = 60
SAME_EVERY_TIME = settings(
    max_examples=25, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
# numbers that formats use as sizes and places, as they stand in files: small, huge, negative
SIZES = [0, 1, 2, 255, 1 << 16, 1 << 30, (1 << 31) - 1, (1 << 32) - 1]
WORDS = [size.to_bytes(4, order) for size in SIZES for order in ("big", "little")]
# not a number, infinite, and a place on the other side of the Earth
DOUBLES = [bytes.fromhex(text) for text in ("000000000000f87f", "000000000000f07f", "0000000000c062c0")]
TEXTS = [
    b"\x00",
    b"\xff\xfe",
    b"null",
    b"1e999",
    b"NaN",
    b"\xf0\x28\x8c\x28",
    b'"',
    b"[" * 50,
    b"\xed\xa0\x80",
    b"9" * 400,
]


GRAPH = {
    "nodes": [{"id": 1, "x": "116.10", "y": "39.94"}, {"id": 2, "x": "116.11", "y": "39.94"}],
    "edges": [
        {
            "id": [1, 2, 0],
            "osmid": "[7]",
            "length": "853.5",
            "name": "门头沟路",
            "geometry": ["116.10 39.94", "116.11 39.94"],
        },
        {"id": [2, 1, 0], "osmid": "[7]", "length": "853.5"},
    ],
}
STOPS = """stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station
s1,石厂,39.902,116.098,1,
e1,石厂A口,39.902,116.099,2,s1
"""


def buildings() -> gpd.GeoDataFrame:
    """Three buildings with every type of field."""
    columns = {
        "building_id": ["JZ-1", "JZ-2", "JZ-3"],
        "name": ["一号楼", "二号楼", None],
        "use": ["residential", "office", "other"],
        "storeys": [6, 18, 1],
        "height_m": [18.5, 54.0, 3.3],
        "illegal": [False, True, False],
    }
    return gpd.GeoDataFrame(columns, geometry=[square(number) for number in range(3)], crs="EPSG:4548")


def written(folder, name, frame, **options) -> dict[str, bytes]:
    """Write a frame with GDAL; return the files by name."""
    pyogrio.write_dataframe(frame, folder / name, **options)
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def zipped(files: dict[str, bytes]) -> bytes:
    """Pack files without compression, so that spoilt bytes arrive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def specimens(tmp_path_factory) -> dict[str, dict[str, bytes]]:
    """Give sound files by format."""
    frame = buildings()
    degrees = frame.to_crs(4326)
    folder = tmp_path_factory.mktemp
    short = frame.rename(columns={"building_id": "JZBH"})
    shapefile = written(folder("shp"), "jz.shp", short, encoding="GBK")
    wkt = frame.assign(WKT=frame.geometry.to_wkt()).drop(columns="geometry").to_csv(index=False)
    return {
        "shapefile": shapefile,
        "GeoPackage": written(folder("gpkg"), "jz.gpkg", frame, layer="jz"),
        "GeoJSON": written(folder("json"), "jz.geojson", degrees),
        "CSV": {"jz.csv": wkt.encode("gbk")},
        "zip": {"jz.zip": zipped(shapefile)},
        "road graph": {"roads.json": json.dumps(GRAPH, ensure_ascii=False).encode()},
        "stops": {"stops.txt": STOPS.encode()},
    }


@pytest.fixture(scope="module")
def worker():
    """Give one process that walks files; a new one takes its place when it dies."""
    context = multiprocessing.get_context("spawn")
    pools = []

    def walk(files, name, layer, options):
        if not pools:
            pools.append(ProcessPoolExecutor(1, mp_context=context, initializer=fuzzing.limit))
        try:
            return pools[0].submit(fuzzing.outcome, files, name, layer, options).result(timeout=PATIENCE_S)
        except Exception as error:
            for process in list(pools[0]._processes.values()):
                process.kill()
            pools.pop().shutdown(wait=False, cancel_futures=True)
            return f"the process died or hung: {error!r}"

    yield walk
    for pool in pools:
        pool.shutdown()


@some.composite
def spoilings(draw):
    """One to four changes: where in the file as a share of its length, what bytes, and how they get in."""
    change = some.tuples(
        some.integers(0, 9999),
        some.one_of(some.binary(min_size=1, max_size=12), some.sampled_from([*WORDS, *DOUBLES, *TEXTS])),
        some.sampled_from(["over", "in", "out", "cut"]),
    )
    return draw(some.lists(change, min_size=1, max_size=4))


def spoilt(content: bytes, changes, head: int | None) -> bytes:
    """Apply changes to the first `head` bytes, None for the whole."""
    raw = bytearray(content)
    for share, piece, way in changes:
        at = share * (len(raw) if head is None else min(head, len(raw))) // 10_000
        if way == "over":
            raw[at : at + len(piece)] = piece
        elif way == "in":
            raw[at:at] = piece
        elif way == "out":
            del raw[at : at + len(piece)]
        else:
            del raw[at:]
    return bytes(raw)


# format, part, and how many of its first bytes are spoilt (headers are small beside the rest)
PARTS = {
    ".shp": ("shapefile", "jz.shp", None),
    ".shx": ("shapefile", "jz.shx", None),
    ".dbf": ("shapefile", "jz.dbf", None),
    ".prj": ("shapefile", "jz.prj", None),
    ".cpg": ("shapefile", "jz.cpg", None),
    "GeoPackage": ("GeoPackage", "jz.gpkg", None),
    "GeoPackage, head": ("GeoPackage", "jz.gpkg", 4096),
    "GeoJSON": ("GeoJSON", "jz.geojson", None),
    "CSV": ("CSV", "jz.csv", None),
    "zip": ("zip", "jz.zip", None),
    "road graph": ("road graph", "roads.json", None),
    "stops": ("stops", "stops.txt", None),
}
# format -> the file that is named, what its rows are to be, and what the file cannot say
READ = {
    "shapefile": ("jz.shp", "buildings", {}),
    "GeoPackage": ("jz.gpkg", "buildings", {}),
    "GeoJSON": ("jz.geojson", "buildings", {}),
    "CSV": ("jz.csv", "buildings", {"crs": "EPSG:4548"}),
    "zip": ("jz.zip", "buildings", {}),
    "road graph": ("roads.json", "streets", {}),
    "stops": ("stops.txt", "stations", {"layer": "stations"}),
}


@pytest.mark.parametrize("part", PARTS)
def test_spoilt_files_are_refused_or_stored_right(specimens, worker, part):
    """Whatever bytes come, the reader answers, and what is accepted keeps the layer's rules."""
    kind, file, head = PARTS[part]

    @SAME_EVERY_TIME
    @example([])
    @given(spoilings())
    def holds(changes):
        files = specimens[kind] | {file: spoilt(specimens[kind][file], changes, head)}
        came = worker(files, *READ[kind])
        assert came in {"stored", "refused"}

    holds()


@pytest.mark.parametrize("kind", READ)
def test_sound_files_are_stored(specimens, worker, kind):
    """Without this the law above would hold for a reader that refuses everything."""
    assert worker(specimens[kind], *READ[kind]) == "stored"
