"""Compiled kernels: the same numbers as plain Python, used when they lie on disk, and never stale."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import shapely

import gis
from gis import compiled
from gis.geometry import areas, borders, faces, facets, keyed, outlines, rings, sides, tiles, tuples
from tests.truth import test_areas as adversarial

SQUARES = np.array([shapely.box(0, 0, 10, 10), shapely.box(5, 5, 15, 15), shapely.box(40, 0, 50, 9)])
SOURCES = Path(gis.__file__).parent

READY = "from gis import compiled; print(compiled.ready(10), compiled.ready(compiled.WORTH_COMPILING))"
MARK = "from gis import compiled; print(compiled.mark(), compiled.ready(10))"
PAIRS = """
import geopandas, numpy, shapely
from gis.analysis import overlay
from gis.geometry import areas, faces, tuples
squares = numpy.array([shapely.box(0, 0, 10, 10), shapely.box(5, 5, 15, 15), shapely.box(40, 0, 50, 9)])
print([array.tolist() for array in areas.pair_areas(squares)])
layer = geopandas.GeoDataFrame({"block_id": ["1", "2", "3"]}, geometry=squares, crs=4548)
print(len(overlay.ledger({"block": layer}, tolerance=0.5).cells))
print(tuples._areas.signatures, faces._across.signatures)
"""
LINES = """
import numpy, shapely
from gis import compiled
from gis.geometry import grid, outlines
with compiled.insisted():
    turned = numpy.array([shapely.Polygon([(0, 0), (30, 10), (25, 40), (-5, 30)])])
    print(grid.over(outlines.of(turned), size=4.0).toggle_x.sum())
"""


def run(program, cache, sources=SOURCES.parent):
    """Run a program in a fresh interpreter that keeps kernels in a folder; return what it prints."""
    paths = os.pathsep.join([str(sources), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=sources, env=environment, capture_output=True, encoding="utf-8", timeout=99
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


WITHOUT = """
import sys
import geopandas, shapely
from gis.analysis import overlay
from gis.geometry import areas, outlines
squares = [shapely.box(0, 0, 10, 10), shapely.box(5, 5, 15, 15)]
layer = geopandas.GeoDataFrame({"block_id": ["1", "2"]}, geometry=squares, crs=4548)
print(len(overlay.common_ground({"block": layer, "unit": layer.rename(columns={"block_id": "unit_id"})})))
print(len(areas.pair_areas(outlines.from_wkb(shapely.to_wkb(layer.geometry.to_numpy())))[0]))
print(len(overlay.ledger({"block": layer}, tolerance=0.5).cells))
print([name for name in ("numba", "llvmlite") if name in sys.modules])
"""
GRID = LINES + '\nimport sys; print("numba.np.linalg" in sys.modules)'


@pytest.fixture
def copy(tmp_path):
    """Give a copy of the package that may be changed."""
    shutil.copytree(SOURCES, tmp_path / "copy" / "gis", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "copy"


# --- plain and compiled -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "arguments"),
    [
        (keyed.table, (5,)),
        (keyed.larger, (np.array([3, -1, 8, -1] * 4),)),
        (outlines._closes, (np.arange(48, dtype=np.uint8) % 16, 0, 32)),
    ],
    ids=["table", "larger", "closes"],
)
def test_plain_kernels_give_the_same_numbers(kernel, arguments):
    """A kernel as plain Python returns what the compiled one returns; as it is, it stays what it is."""
    assert np.array_equal(compiled.as_plain(kernel)(*arguments), compiled.as_compiled(kernel)(*arguments))
    assert compiled.as_compiled(kernel) is kernel


@pytest.mark.parametrize("family", adversarial.FAMILIES, ids=lambda family: family.__name__)
def test_plain_sweep_gives_the_same_bits(monkeypatch, family):
    """Tuples swept in plain Python are those of the compiled sweep, to the last bit."""
    layers = [outlines.of(layer) for layer in adversarial.pairs(12, adversarial.PLACES["far"], [family])[:2]]
    fast = tuples.areas(layers, 0)
    monkeypatch.setattr(tuples, "_areas", compiled.as_plain(tuples._areas))
    plain = tuples.areas(layers, 0)
    assert np.array_equal(fast[0], plain[0])
    assert np.array_equal(fast[1], plain[1])


def test_plain_faces_and_facets_give_the_same_bits(monkeypatch):
    """Faces cut and drawn in plain Python are those of the compiled kernels, to the last bit."""
    left, right, _ = adversarial.pairs(2, adversarial.PLACES["far"])
    flat = outlines.of(np.concatenate([left, right]))
    fast = drawn(flat)
    swept = ((tiles, "cut"), (faces, "_across"), (borders, "of_tiles"), (sides, "across"))
    for module, name in (*swept, (rings, "linked"), (rings, "nested")):
        monkeypatch.setattr(module, name, compiled.as_plain(getattr(module, name)))
    assert drawn(flat) == fast


def drawn(flat):
    cut = faces.of(flat)
    shapes = facets.drawn(flat, cut, cut.cover.astype(np.int64), len(cut.cover_start) - 1)
    return cut.area_m2.tolist(), cut.near.tolist(), cut.near_m.tolist(), shapely.to_wkb(shapes).tolist()


# --- when kernels are used ----------------------------------------------------------------------------------------


def test_kernels_are_ready_once_they_are_marked(tmp_path):
    """Without a stamp small inputs go to GEOS and large ones to the kernels; with it all go to the kernels."""
    assert run(READY, tmp_path) == ["False True"]
    assert run(MARK, tmp_path) == ["True True"]
    assert run(READY, tmp_path) == ["True True"]


@pytest.mark.parametrize("stamp", [b"", b"another version", b"\xff\xfe\x00"])
def test_stamps_of_others_do_not_count(tmp_path, stamp):
    """A stamp that is empty, of another version or no text at all is no stamp."""
    assert run(MARK, tmp_path) == ["True True"]
    (place,) = [path for path in tmp_path.rglob("*") if path.name == compiled.stamp().name]
    place.write_bytes(stamp)
    assert run(READY, tmp_path) == ["False True"]


@pytest.mark.parametrize("file", ["compiled.py", "geometry/edges.py", "analysis/ties.py"])
def test_changed_sources_make_a_stamp_void(tmp_path, copy, file):
    """After a change of any file with kernels, small inputs go to GEOS again."""
    assert run(MARK, tmp_path / "cache", copy) == ["True True"]
    source = copy / "gis" / file
    source.write_text(source.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    assert run(READY, tmp_path / "cache", copy) == ["False True"]


@pytest.mark.slow
def test_kernels_on_disk_are_never_stale(tmp_path, copy):
    """A kernel that calls one of another file is compiled anew when that file changes."""
    before = run(LINES, tmp_path / "cache", copy)
    source = copy / "gis" / "geometry" / "edges.py"
    text = source.read_text(encoding="utf-8")
    changed = text.replace("return min(max(x, ax), bx)", "return min(max(x, ax), bx) + 0.25", 1)
    assert changed != text
    source.write_text(changed, encoding="utf-8")
    assert run(LINES, tmp_path / "cache", copy) != before


def test_small_inputs_never_see_the_compiler(tmp_path):
    """Where nothing is kept a few shapes are answered without even an import of numba."""
    assert run(WITHOUT, tmp_path) == ["4", "1", "3", "[]"]


@pytest.mark.slow
def test_kept_kernels_do_without_the_compiler_and_can_be_called_by_a_new_one(tmp_path):
    """What is loaded brings none of numba's compiler along; a kernel compiled later calls it all the same."""
    first, _ = run(GRID, tmp_path)
    assert run(GRID, tmp_path) == [first, "False"]
    for name in ("_crossings", "_toggles"):
        lost = [path for path in tmp_path.rglob("*.nb?") if path.name.partition(".")[2].startswith(f"{name}-")]
        assert lost
        for path in lost:
            path.unlink()
        assert run(GRID, tmp_path) == [first, "True"]
        assert run(GRID, tmp_path) == [first, "False"]


def test_folders_that_cannot_be_written_send_small_inputs_to_geos(tmp_path):
    """Nothing fails where nothing can be kept, nothing is compiled for a few shapes, and the answer is the same."""
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    nowhere = tmp_path / "file" / "cache"
    assert run(READY, nowhere) == ["False True"]
    assert run(MARK, nowhere) == ["False False"]
    pairs, cells, signatures = run(PAIRS, nowhere)
    assert pairs == str([array.tolist() for array in areas.pair_areas(SQUARES)])
    assert cells == "4"
    assert signatures == "[] []"


def test_insisting_lasts_as_long_as_its_block(monkeypatch):
    """Inside the block all work goes to the kernels, also after an error in it."""
    monkeypatch.setattr(compiled, "_stamped", lambda: False)
    assert not compiled.ready(10)
    with pytest.raises(ZeroDivisionError), compiled.insisted():
        assert compiled.ready(10)
        raise ZeroDivisionError
    assert not compiled.ready(10)


# --- threads ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [None, 1, 2, 3, 50])
def test_results_come_in_the_order_of_tasks(workers):
    """Whoever finishes first, results stand where their tasks stood; no task gives no result."""
    assert compiled.spread(lambda n: n * n, range(20), workers) == [n * n for n in range(20)]
    assert compiled.spread(lambda n: n, [], workers) == []


def test_errors_of_a_task_are_raised():
    """What a task raises is raised to who spread it."""
    with pytest.raises(ZeroDivisionError):
        compiled.spread(lambda n: 1 // n, [1, 0, 2], 2)
