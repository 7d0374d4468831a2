"""What goes out tells nothing else: values that occur once are planted everywhere, and every output is searched.

A store is filled through `put` and real commands; each text that may not be told bears a mark that stays readable in
UTF-8, GBK, JSON, HTML and percent escapes. What commands write is taken apart down to the last stream.
"""

from __future__ import annotations

import base64
import getpass
import gzip
import io
import re
import shutil
import socket
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gis import catalogue as catalogues
from gis import crs, sample
from gis.publish import publication
from gis.settings import Settings
from gis.workflow import demo, intake, outputs

CATALOGUE = catalogues.read()
MARK = re.compile(rb"QZ\d{4}JX")
WIDE = re.compile(rb"Q\0Z\0(?:\d\0){4}J\0X|Q\0Z\0(?:\d\0){4}J\0X\0")
BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
# what a receiver of the profile `city` does not get at all
NOT_DELIVERED = ("comments", "votes", "constraints", "exceptions")
EVERY = {"secret", "later", "field", "extra", "layer", "source", "who", "past", "machine"}
# output -> what must not be in it; whatever else may
OUTPUTS = {
    "public.html": EVERY,
    "internal.html": {"extra", "who", "past", "machine"},
    "workbook.xlsx": {"extra", "source", "who", "past", "machine"},
    "delivery.zip": {"secret", "extra", "layer", "source", "who", "past", "machine"},
    "projects.gpkg": {"secret", "layer", "source", "who", "past", "machine"},
    "projects.geojson": {"secret", "layer", "source", "who", "past", "machine"},
    "projects.parquet": {"secret", "layer", "source", "who", "past", "machine"},
    "projects.csv": {"secret", "layer", "source", "who", "past", "machine"},
    "projects.xlsx": {"secret", "layer", "source", "who", "past", "machine"},
    "sheet.png": {"extra", "layer", "source", "who", "past", "machine"},
    "sheet.pdf": {"extra", "layer", "source", "who", "past", "machine"},
    "report.xlsx": {"extra", "who", "past", "machine"},
    "points.gpkg": {"extra", "who", "past", "machine"},
    "moves.xlsx": {"extra", "source", "who", "past", "machine"},
    "moves.gpkg": {"extra", "source", "who", "past", "machine"},
}
# a search that finds nothing anywhere proves nothing: what each output does hold
HELD = {
    "delivery.zip": {"later", "field"},
    "projects.gpkg": {"field", "extra"},
    "projects.parquet": {"field", "extra"},
    "projects.csv": {"field", "extra"},
    "projects.xlsx": {"field", "extra"},
    "projects.geojson": {"field", "extra"},
    "workbook.xlsx": {"field"},
    "internal.html": {"secret", "later", "field", "layer", "source"},
}


class Mint:
    """Make marks, and remember of which kind each is."""

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}
        self.numbers: list[float] = []

    def mark(self, kind: str, width: int | None = None) -> str:
        """Give a text that occurs nowhere else."""
        found = f"QZ{len(self.kinds):04}JX"
        self.kinds[found] = kind
        return found if width is not None and width < 10 else f"密{found}号"

    def number(self) -> float:
        """Give a number that occurs nowhere else."""
        self.numbers.append(73019.137 + 17 * len(self.numbers))
        return self.numbers[-1]


def quarter() -> dict[str, pd.DataFrame]:
    """Give the part of the sample town around one station, whole in itself."""
    town = sample.town()
    stops = town["stations"]
    around = stops[stops["station_id"] == "ZD04"].geometry.iloc[0].buffer(700)
    found = {
        name: rows[rows.geometry.intersects(around)] if "geometry" in rows else rows for name, rows in town.items()
    }
    found["entrances"] = found["entrances"][found["entrances"]["station_id"] == "ZD04"]
    found["votes"] = found["votes"][found["votes"]["project_id"].isin(found["projects"]["project_id"])]
    blocks = set(found["blocks"]["block_id"])
    moved = found["transfers"]
    found["transfers"] = moved[moved["from_block"].isin(blocks) & moved["to_block"].isin(blocks)]
    return {name: rows.reset_index(drop=True) for name, rows in found.items() if len(rows)}


def renamed(frames: dict[str, pd.DataFrame], name: str, key: str, new: str) -> None:
    """Give a feature another key, wherever it is named."""
    for other, rows in frames.items():
        for field in CATALOGUE.layer(other).fields:
            if field.name in rows and (
                field.reference == name or (other == name and field.name == CATALOGUE.layer(name).key)
            ):
                rows[field.name] = rows[field.name].replace(key, new)


def marked(mint: Mint) -> dict[str, pd.DataFrame]:
    """Plant a mark in every text, and a number in every amount, that may not be told."""
    frames = {name: rows.copy() for name, rows in quarter().items()}
    for name, rows in frames.items():
        layer, secret = CATALOGUE.layer(name), publication.are_secret(rows)
        later = np.zeros(len(rows), dtype=bool)
        for field, values in layer.publish_when.items():
            later |= ~rows[field].isin(values).to_numpy()
        hidden = "layer" if name in NOT_DELIVERED else "field"
        for field in layer.fields:
            if field.name not in rows or field.codes or field.reference or field.pattern or field.name == layer.key:
                continue
            plain = np.flatnonzero(~secret & ~later)
            told = field.public and layer.public in publication.DRAWN
            places = {"secret": np.flatnonzero(secret), "later": np.flatnonzero(later & ~secret)}
            places |= {} if told else {hidden: plain[-1:]}
            if field.type == "text" and (field.width or 99) >= 8 and field.name not in {"townships", "feature_layer"}:
                values = rows[field.name].astype(object).to_numpy(copy=True)
                for kind, at in places.items():
                    for place in at[-1:]:
                        values[place] = mint.mark(kind, field.width)
                rows[field.name] = values
            elif field.type == "real" and (field.range or (0, 0))[1] >= 1e6 and not told and len(plain):
                values = rows[field.name].astype(float).to_numpy(copy=True)
                values[plain[-1]] = mint.number()
                rows[field.name] = values
    for kind, choose in (("secret", publication.are_secret), ("later", lambda rows: rows["state"] == "reserve")):
        name = "parcels" if kind == "secret" else "projects"
        key = frames[name].loc[choose(frames[name]), CATALOGUE.layer(name).key].iloc[-1]
        renamed(frames, name, key, mint.mark(kind, 8))
    own = frames["parcels"].geometry.to_numpy(copy=True)
    hidden = np.flatnonzero(publication.are_secret(frames["parcels"]))
    # vertices of its own, on the borders that it shares
    own[hidden] = shapely.segmentize(own[hidden], 7.0)
    frames["parcels"] = frames["parcels"].set_geometry(gpd.GeoSeries(own, crs=frames["parcels"].crs))
    lot = frames["buildings"]
    secret = frames["parcels"]["parcel_id"].iloc[np.flatnonzero(publication.are_secret(frames["parcels"]))[-1]]
    # a hut that nobody flagged, on a lot that is: its own mark may leave, the key of its lot may not
    lot.loc[np.flatnonzero(~publication.are_secret(lot))[0], "parcel_id"] = secret
    return frames


@pytest.fixture(scope="module")
def made(tmp_path_factory, children):
    """Give marks and a folder with every output of a marked store, made by real commands."""
    mint = Mint()
    folder = tmp_path_factory.mktemp(mint.mark("machine", 8))
    frames, store = marked(mint), folder / "store.gpkg"
    who, why = mint.mark("who", 8), mint.mark("who", 8)
    with intake.init(store) as opened:
        demo.put_town(opened, frames)
        rows = opened.read("projects")
        past = rows.iloc[[0]].assign(planned_use=mint.mark("past"))
        opened.put("projects", past, author=who, reason=why)
        again = opened.read("projects").iloc[[0]].assign(planned_use=None)
        opened.put("projects", again.assign(extra=f'{{"备注": "{mint.mark("extra")}"}}'), author=who, reason=why)
        gone = opened.read("facilities").iloc[[0]].assign(facility_id=mint.mark("past", 8), name=mint.mark("past"))
        opened.put("facilities", gone.drop(columns="_version"), author=who, reason=why)
        opened.retire("facilities", [gone["facility_id"].iloc[0]], author=who, reason=why)
    source = folder / f"{mint.mark('source', 8)}.csv"
    table = {"设施编号": ["N1", "N2"], "设施名称": ["甲", "乙"], "设施类别": ["小学", "无此类"]}
    x, y = frames["facilities"].geometry.iloc[0].coords[0]
    pd.DataFrame(table | {"X": [x, x + 3], "Y": [y, y + 3]}).to_csv(source, index=False)
    home = folder / mint.mark("machine", 8)
    home.mkdir()
    environment = {"HOME": str(home), "USER": mint.mark("machine", 8), "LOGNAME": mint.mark("machine", 8)}
    said = ["--author", who, "--reason", why]

    def run(*words, allowed=(0,)):
        done = children.run([str(word) for word in (*said, *words)], folder, **environment)
        assert done.code in allowed, (words, done.out, done.err)

    run("load", store, source, "--layer", "facilities", "--crs", "EPSG:4548", allowed=(0, 8))
    run("blocks", store)
    run("stations", store, "--sheets", folder / "sheets")
    run("check", store, "--report", folder / "report.xlsx", "--points", folder / "points.gpkg", allowed=(0, 19))
    for file in ("moves.xlsx", "moves.gpkg"):
        run("reconcile", store, "units", "--to", "blocks", "--out", folder / file, "--dry-run")
    run("map", store, folder / "public.html")
    run("map", store, folder / "internal.html", "--internal")
    run("workbook", store, folder / "workbook.xlsx")
    run("deliver", store, folder / "delivery.zip")
    for suffix in ("gpkg", "geojson", "parquet", "csv", "xlsx"):
        run("export", store, "projects", folder / f"projects.{suffix}")
    # what the command does, in another format
    with intake.opened(store, Settings()) as opened:
        list(outputs.write_sheets(opened, folder / "sheets", suffix=".png"))
    for sheet in (folder / "sheets").iterdir():
        shutil.copy(sheet, folder / f"sheet{sheet.suffix}")
    return mint, folder, frames


def inside(raw: bytes, depth: int = 0) -> Iterator[bytes]:
    """Yield a file and all that is packed in it: members with their names and remarks, streams, pictures' chunks."""
    yield raw
    if depth > 6:
        return
    more: list[bytes] = []
    if raw[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            more.append(archive.comment)
            for info in archive.infolist():
                more += [info.filename.encode(), info.comment, info.extra, archive.read(info)]
    elif raw[:2] == b"\x1f\x8b":
        more.append(gzip.decompress(raw))
    elif raw[:5] == b"%PDF-":
        more += [found for stream in STREAM.findall(raw) if (found := inflated(stream))]
    elif raw[:8] == b"\x89PNG\r\n\x1a\n":
        more += chunks(raw)
    elif len(raw) < 1 << 24 and raw[:16] != b"SQLite format 3\0":
        more += [found for text in BASE64.findall(raw) if (found := decoded(text))]
    for each in more:
        yield from inside(each, depth + 1)


def inflated(raw: bytes) -> bytes:
    """Give what a deflated stream holds, nothing where it is none."""
    try:
        return zlib.decompress(raw)
    except zlib.error:
        return b""


def chunks(raw: bytes) -> list[bytes]:
    """Give the chunks of a picture that are no picture, inflated where they are packed."""
    found, at = [], 8
    while at < len(raw):
        size, kind = struct.unpack(">I4s", raw[at : at + 8])
        body = raw[at + 8 : at + 8 + size]
        found += [] if kind == b"IDAT" else [body, inflated(body.rpartition(b"\0")[2])]
        at += 12 + size
    return found


def decoded(text: bytes) -> bytes:
    """Give what is written in base 64, nothing where it is none."""
    try:
        return base64.b64decode(text[: len(text) // 4 * 4])
    except ValueError:
        return b""


def marks(file: Path) -> set[str]:
    """Give the marks that a file holds, narrow or wide."""
    found: set[bytes] = set()
    for blob in inside(file.read_bytes()):
        found |= set(MARK.findall(blob)) | {wide.replace(b"\0", b"") for wide in WIDE.findall(blob)}
    return {mark.decode() for mark in found}


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_output_tells_what_it_may_not(made, name):
    """Not one mark of a kind that must stay is in any stream of the file."""
    mint, folder, _ = made
    found = sorted(mark for mark in marks(folder / name) if mint.kinds[mark] in OUTPUTS[name])
    assert [(mark, mint.kinds[mark]) for mark in found] == []


@pytest.mark.parametrize("name", HELD)
def test_the_search_finds_what_is_there(made, name):
    """What an output may hold and does is found, so that finding nothing means something."""
    mint, folder, _ = made
    assert HELD[name] <= {mint.kinds[mark] for mark in marks(folder / name)}


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_output_tells_of_the_machine(made, name):
    """No path, user or host, and no program's name for itself that says more than that it is ours."""
    _, folder, _ = made
    words = ["/tmp/", "/home/", "/root/", "/work/", "gis-delivery-", ".gis-", str(Path(__file__).parents[2])]
    words += [word for word in (getpass.getuser(), socket.gethostname()) if len(word) > 5]
    found = [
        (word, blob[max(0, blob.find(said) - 60) : blob.find(said) + 60])
        for blob in inside((folder / name).read_bytes())
        for word in words
        for said in (word.encode(), word.encode("utf-16-le"))
        if said in blob
    ]
    assert found == []


def tokens(page: str) -> set[str]:
    """Give the numbers of a page without what stands behind the fifth decimal."""
    return {whole + part[:6] for whole, part in re.findall(r"(\d+)(\.\d+)?", page)}


def test_no_number_that_may_not_be_told_is_in_the_public_map(made):
    """Amounts of fields that are not public, in any usual way of writing them."""
    mint, folder, _ = made
    page = (folder / "public.html").read_text(encoding="utf-8")
    assert len(mint.numbers) > 15
    ways = [f"{number:{way}}" for number in mint.numbers for way in (".3f", ".2f", ".1f", ",.1f", ",.0f")]
    assert [way for way in ways if way in page] == []
    inside_map = (folder / "internal.html").read_text(encoding="utf-8")
    assert sum(f"{number:.0f}" in inside_map for number in mint.numbers) > 5


@pytest.mark.parametrize("system", ["EPSG:4548", "EPSG:4490", "EPSG:3857", "EPSG:4547"])
def test_no_true_coordinate_is_in_the_public_map(made, system):
    """Of no vertex of any row: to a metre, in the working grid, in degrees, in the grids of others."""
    _, folder, frames = made
    said = tokens((folder / "public.html").read_text(encoding="utf-8"))
    wholes = {token.partition(".")[0] for token in said}
    places = 5 if crs.parse(system).is_geographic else 0
    found = set()
    for rows in frames.values():
        if "geometry" in rows:
            shapes = rows.to_crs(system).geometry.to_numpy()
            north = shapely.get_coordinates(shapes)[:, 1]
            found |= {f"{value:.{places}f}" for value in north} & (said if places else wholes)
    assert found == set()


def test_no_corner_of_a_secret_lot_is_delivered(made):
    """The bytes of its own vertices, which no neighbour has, are in none of the shapefiles."""
    _, folder, frames = made
    lots = frames["parcels"]
    secret = publication.are_secret(lots)
    shown = {tuple(at) for at in shapely.get_coordinates(lots.geometry.to_numpy()[~secret])}
    own = {tuple(at) for at in shapely.get_coordinates(lots.geometry.to_numpy()[secret])} - shown
    with zipfile.ZipFile(folder / "delivery.zip") as archive:
        shapes = archive.read("DK.shp")
    assert len(own) > 8 and struct.pack("<2d", *next(iter(shown))) in shapes
    assert [at for at in own if struct.pack("<2d", *at) in shapes] == []


def test_a_package_gives_every_member_the_same_plain_head(made):
    """No time, remark or extra field of a member, and no folder in its name."""
    _, folder, _ = made
    with zipfile.ZipFile(folder / "delivery.zip") as archive:
        heads = {(info.date_time, info.comment, info.extra, info.create_system) for info in archive.infolist()}
        assert heads == {((1980, 1, 1, 0, 0, 0), b"", b"", 3)} and archive.comment == b""
        assert not [name for name in archive.namelist() if "/" in name or "\\" in name]


@pytest.mark.parametrize("name", ["projects.gpkg", "points.gpkg", "moves.gpkg"])
def test_an_exported_geopackage_has_no_freed_pages(made, name):
    """It is a fresh file: nothing was ever deleted in it."""
    _, folder, _ = made
    with sqlite3.connect(folder / name) as file:
        assert file.execute("PRAGMA freelist_count").fetchone() == (0,)


@pytest.mark.parametrize("name", ["workbook.xlsx", "report.xlsx", "projects.xlsx", "moves.xlsx"])
def test_a_workbook_says_nothing_of_who_made_it(made, name):
    """No creator, no last writer, no remark, no name that leads out of the file."""
    _, folder, _ = made
    with zipfile.ZipFile(folder / name) as book:
        core = book.read("docProps/core.xml").decode()
        names = book.namelist()
        sheets = book.read("xl/workbook.xml").decode()
    for tag in ("dc:creator", "cp:lastModifiedBy", "dc:description"):
        assert re.findall(rf"<{tag}>([^<]+)</{tag}>", core) == []
    assert not [one for one in names if "comments" in one or "externalLinks" in one]
    assert not re.search(r"<definedName[^>]*>[^<]*(\[|://|\\\\)", sheets)


def test_a_sheet_says_nothing_of_who_made_it(made):
    """A PDF without author, program and day of its making."""
    _, folder, _ = made
    raw = (folder / "sheet.pdf").read_bytes()
    assert not re.search(rb"/(Creator|Producer|Author|CreationDate|ModDate|Title|Subject|Keywords)\b", raw)
