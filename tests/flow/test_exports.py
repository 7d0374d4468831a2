"""What the product wrote as a file loads back as it was, without a question."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gis import catalogue, rows
from gis.errors import UsageError
from gis.intake.conform import conform
from gis.intake.read import read
from gis.publish import files
from gis.settings import Settings
from gis.workflow import demo, intake, keeping
from gis.workflow.loading import named_layer

SETTINGS = Settings()
# the sample town lies in no district
TOWN = replace(SETTINGS, bounds=None)
SUFFIXES = [".csv", ".xlsx", ".parquet", ".gpkg", ".geojson"]
TEXTS = [
    "-2+3",
    "+86 10-6984",
    "'-2+3",
    "''=x",
    "=HYPERLINK(\"http://x\",\"y\")",
    "@SUM(1)",
    "'引号",
    "#N/A",
    "007",
    "1E5",
    "NA",
    "a,b;c\td",
    "第一行\n第二行",
    "true",
    "2024-03-05",
]  # fmt: skip


@pytest.fixture(scope="module")
def shared():
    return catalogue.read()


@pytest.fixture
def projects(shared) -> gpd.GeoDataFrame:
    """Projects whose texts a spreadsheet would run, and every type of field, filled and empty."""
    count = len(TEXTS)
    shapes = [shapely.box(423_000 + 200 * n, 4_423_000, 423_100 + 200 * n + 1 / 3, 4_423_100.1) for n in range(count)]
    columns = {
        "project_id": [f"{number:03d}" for number in range(count)],
        "name": TEXTS,
        "approval_no": [*TEXTS[1:], None],
        "project_type": ["old_estate"] * count,
        "state": ["reserve"] * count,
        "approved_area_m2": [0.1 + 0.2, None, *[12_345.678] * (count - 2)],
        "households": [None, 0, *[612] * (count - 2)],
        "demonstration": [True, False, *[None] * (count - 2)],
        "completed_on": ["2024-03-05", *[None] * (count - 1)],
        "extra": ['{"备注": "-1"}', *[None] * (count - 1)],
    }
    frame = gpd.GeoDataFrame(pd.DataFrame(columns), geometry=shapes, crs=SETTINGS.crs)
    frame["households"] = frame["households"].astype("Int64")
    return rows.canonical(frame, shared.layer("projects"), SETTINGS.crs)


def back(path, layer, shared) -> pd.DataFrame:
    source = read(path)
    return conform(source, layer, settings=SETTINGS, catalogue=shared).frame


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet", ".gpkg"])
def test_an_export_loads_back_as_it_was(projects, shared, tmp_path, suffix):
    """Nobody is asked for the CRS; every text, number, day and corner is what it was."""
    layer = shared.layer("projects")
    files.write(projects, tmp_path / f"p{suffix}", layer=layer)
    came = back(tmp_path / f"p{suffix}", layer, shared)
    table, before = (pd.DataFrame(frame.drop(columns="geometry")) for frame in (came, projects))
    if suffix == ".xlsx":
        # a sheet holds 16 digits
        np.testing.assert_allclose(table.pop("approved_area_m2"), before.pop("approved_area_m2"), rtol=1e-15)
    pd.testing.assert_frame_equal(table[before.columns], before)
    assert shapely.equals_identical(came.geometry.to_numpy(), projects.geometry.to_numpy()).all()


def test_a_workbook_names_its_layer(projects, shared, tmp_path):
    """Whatever the file is called, the sheet says 更新项目; a name of the file goes first."""
    files.write(projects, tmp_path / "给区里的.xlsx", layer=shared.layer("projects"))
    assert named_layer(shared, tmp_path / "给区里的.xlsx", None).name == "projects"
    files.write(projects, tmp_path / "街区.xlsx", layer=shared.layer("projects"))
    assert named_layer(shared, tmp_path / "街区.xlsx", None).name == "blocks"
    with pytest.raises(UsageError, match="which layer"):
        named_layer(shared, tmp_path / "给区里的.csv", None)


def test_a_table_without_places_loads_back(shared, tmp_path):
    """Votes lie nowhere."""
    layer = shared.layer("votes")
    frame = pd.DataFrame({"vote_id": ["1"], "project_id": ["007"]})
    votes = rows.canonical(frame, layer)
    files.write(votes, tmp_path / "v.csv", layer=layer)
    pd.testing.assert_frame_equal(back(tmp_path / "v.csv", layer, shared)[votes.columns], votes)


def test_a_text_that_no_cell_holds_is_not_cut(projects, shared, tmp_path):
    """A sheet would keep the first 32,767 letters of an outline and lose the rest."""
    angles = np.linspace(0, 2 * np.pi, 2_000, endpoint=False)
    ring = shapely.Polygon(np.column_stack([423_500 + 200 * np.cos(angles), 4_423_500 + 200 * np.sin(angles)]))
    long = projects.iloc[[0]].set_geometry(gpd.GeoSeries([shapely.multipolygons([ring])], crs=projects.crs))
    with pytest.raises(UsageError, match="32767 letters"):
        files.write(long, tmp_path / "p.xlsx", layer=shared.layer("projects"))
    assert not (tmp_path / "p.xlsx").exists()
    assert files.write(long, tmp_path / "p.csv", layer=shared.layer("projects")) == 1


def test_the_column_names_the_crs(projects, shared, tmp_path):
    """Whoever opens the sheet sees it, and a CRS that nobody knows is refused."""
    files.write(projects, tmp_path / "p.csv", layer=shared.layer("projects"))
    head, _, rest = (tmp_path / "p.csv").read_text(encoding="utf-8-sig").partition("\n")
    assert head.endswith(",wkt(EPSG:4548)")
    (tmp_path / "q.csv").write_text(head.replace("4548", "999999") + "\n" + rest, encoding="utf-8")
    with pytest.raises(ValueError, match="999999"):
        read(tmp_path / "q.csv")


def test_a_local_grid_is_not_named(projects, shared, tmp_path):
    """Its name may not leave the house, and its parameters never do."""
    wkt = projects.crs.to_wkt().replace('False easting",500000', 'False easting",314159')
    local = projects.set_crs(
        wkt.replace(',ID["EPSG",4548]', "").replace("CGCS2000 / 3-degree", "某市"), allow_override=True
    )
    files.write(local, tmp_path / "p.csv", layer=shared.layer("projects"))
    assert (tmp_path / "p.csv").read_text(encoding="utf-8-sig").partition("\n")[0].endswith(",wkt")


@pytest.fixture(scope="module")
def some(town, tmp_path_factory):
    """Return the path of a store with some rows of each layer of the sample town, and the layers in order."""
    path = tmp_path_factory.mktemp("some") / "some.gpkg"
    kept = {}
    with intake.init(path, settings=TOWN) as store:
        for name in demo._in_order(store, list(town)):
            frame, layer = town[name], store.catalogue.layer(name)
            for field in layer.fields:
                if field.reference in kept:
                    known = kept[field.reference][store.catalogue.layer(field.reference).key]
                    frame = frame[frame[field.name].isna() | frame[field.name].isin(known)]
            kept[name] = frame.head(12)
        demo.put_town(store, kept)
        return path, [name for name in kept if len(kept[name])]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_layer_comes_back_into_its_store_and_into_a_new_one(some, tmp_path, suffix):
    """Nobody is asked anything; there no row is changed, here all are what they were."""
    path, names = some
    with intake.opened(path, TOWN) as old:
        # weighing where degrees lie takes long
        for name in names[::5] if suffix == ".geojson" else names:
            before = old.read(name)
            if suffix == ".geojson" and not isinstance(before, gpd.GeoDataFrame):
                continue
            file = tmp_path / f"{name}{suffix}"
            keeping.export(old, name, file)
            hints = intake.Hints(recipes=tmp_path / "recipes")
            (taken,) = intake.load(old, [file], hints=hints, settings=TOWN)
            assert taken.change.counts["unchanged"] == len(before), name
            # whoever has no such layer yet gets the same rows
            same(before, back(file, old.catalogue.layer(name), old.catalogue))


def same(before, after):
    """Compare two layers: cells to the last bit, corners to a micrometre, rings whichever way they turn."""
    if isinstance(before, gpd.GeoDataFrame):
        shapes = (shapely.orient_polygons(frame.geometry.to_numpy()) for frame in (before, after))
        assert shapely.equals_exact(*shapes, 1e-6).all()
    names = [name for name in before.columns if name not in {"_version", "geometry"}]
    tables = [pd.DataFrame(frame)[names] for frame in (before, after)]
    # a sheet holds 16 digits
    pd.testing.assert_frame_equal(*tables, rtol=1e-15)


def test_an_edited_row_of_an_export_is_not_taken_for_the_stored_one(some, tmp_path):
    """A corner that was moved by a millimetre is an edit."""
    with intake.opened(some[0], TOWN) as store:
        frame = store.read("blocks").drop(columns="_version")
        moved = frame.set_geometry(frame.geometry.translate(0.001))
        files.write(moved, tmp_path / "blocks.gpkg", layer=store.catalogue.layer("blocks"))
        with pytest.raises(ValueError, match=r"edit\.no_version"):
            intake.load(store, [tmp_path / "blocks.gpkg"], settings=TOWN)


def test_an_export_without_a_crs_comes_back_by_its_numbers(some, tmp_path):
    """As older editions wrote it; in a new store the lines of the blocks say where it lies."""
    path, _ = some
    with intake.opened(path, TOWN) as old, intake.init(tmp_path / "new.gpkg", settings=TOWN) as new:
        keeping.export(old, "blocks", tmp_path / "blocks.gpkg")
        intake.load(new, [tmp_path / "blocks.gpkg"], settings=TOWN)
        keeping.export(old, "projects", tmp_path / "projects.csv")
        text = (tmp_path / "projects.csv").read_text(encoding="utf-8-sig")
        (tmp_path / "projects.csv").write_text(text.replace("wkt(EPSG:4548)", "wkt"), encoding="utf-8")
        (taken,) = intake.load(old, [tmp_path / "projects.csv"], settings=TOWN)
        assert taken.change.counts["unchanged"] == taken.accepted > 0
        # the town's projects share the lines of its blocks
        intake.load(new, [tmp_path / "projects.csv"], settings=TOWN)
        found = {row.project_id: row.geometry.centroid for row in old.read("projects").itertuples()}
        came = {row.project_id: row.geometry.centroid for row in new.read("projects").itertuples()}
        assert came and all(place.distance(found[key]) < 0.001 for key, place in came.items())


@pytest.mark.parametrize("suffix", [".geojson", ".csv"])
def test_the_same_rows_give_the_same_file(projects, shared, tmp_path, suffix):
    """Nothing of the way in which it was made is in it, such as the name of a temporary file."""
    made = [files.write(projects, tmp_path / f"{n}{suffix}", layer=shared.layer("projects")) for n in range(2)]
    assert made == [len(projects)] * 2
    assert (tmp_path / f"0{suffix}").read_bytes() == (tmp_path / f"1{suffix}").read_bytes()
