"""GDAL opens a file with the drivers that were named, and asks nobody for anything."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pyogrio
import pytest

from gis import drivers

VRT = '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'
POINT = '{{"type": "FeatureCollection", {}"features": [{{"type": "Feature", "properties": {{}}, "geometry": {}}}]}}'
PLACE = '{"type": "Point", "coordinates": [1, 2]}'
READS = {"list_layers", "open_arrow", "read_arrow", "read_bounds", "read_dataframe", "read_info"}


def test_only_the_named_drivers_are_there_and_all_come_back():
    """In their order, also after an inner block, and after one that failed."""
    before = list(pyogrio.list_drivers())
    with drivers.only("GPKG"):
        with drivers.only("GeoJSON", "ESRI Shapefile"):
            assert list(pyogrio.list_drivers()) == ["ESRI Shapefile", "GeoJSON"]
        assert list(pyogrio.list_drivers()) == ["GPKG"]
    assert list(pyogrio.list_drivers()) == before
    with pytest.raises(LookupError), drivers.only("GPKG"):
        raise LookupError
    assert list(pyogrio.list_drivers()) == before


def test_another_file_is_not_opened(tmp_path):
    """The text of a virtual file is none of the kind that is allowed."""
    (tmp_path / "a.geojson").write_text(POINT.format("", PLACE), encoding="utf-8")
    file = tmp_path / "b.geojson"
    file.write_text(VRT.format(tmp_path / "a.geojson"), encoding="utf-8")
    assert len(pyogrio.read_dataframe(file)) == 1
    with pytest.raises(pyogrio.errors.DataSourceError, match="not recognized"), drivers.only("GeoJSON"):
        pyogrio.read_dataframe(file)


@pytest.mark.parametrize("around", [None, "*", "127.0.0.1"])
def test_no_server_is_asked(tmp_path, monkeypatch, loopback, around):
    """Whatever the environment says of proxies; and it says so afterwards."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        if around is not None:
            monkeypatch.setenv(name, around)
    address, paths = loopback
    file = tmp_path / "a.geojson"
    crs = f'"crs": {{"type": "link", "properties": {{"href": "{address}/link"}}}}, '
    file.write_text(POINT.format(crs, PLACE), encoding="utf-8")
    with drivers.only("GeoJSON"):
        assert len(pyogrio.read_dataframe(file)) == 1
    assert paths == []
    assert os.environ.get("NO_PROXY") == around
    pyogrio.read_dataframe(file)
    assert paths, "the link is followed where nobody forbids it"


def test_every_reading_names_its_drivers():
    """Each call that opens a file with GDAL stands in a block that names them, or in a function called from one."""
    by_read = dict.fromkeys(("counts.py", "promises.py"), "called by gdal.read")
    within = {"mapinfo.py": "called by lending within gdal.read", **by_read}
    root = Path(drivers.__file__).parent
    found = set()
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [
            node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        ]
        names = {(func.value.id, func.attr) for func in calls if isinstance(func.value, ast.Name)}
        if any(owner == "pyogrio" and name in READS for owner, name in names) and ("drivers", "only") not in names:
            found.add(path.name)
    assert found == set(within)


def test_proj_asks_no_server():
    """Whatever the environment says, and whichever library brings it."""
    code = "import gis.crs, pyproj.network, os; print(pyproj.network.is_network_enabled(), os.environ['PROJ_NETWORK'])"
    environment = os.environ | {"PROJ_NETWORK": "ON"}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "OFF"]
