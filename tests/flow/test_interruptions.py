"""Every command while somebody else writes, when it is interrupted, on a full disk, unread and in another locale."""

from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing

import pyogrio
import pytest

from gis import cli
from gis.settings import Settings
from gis.store import geopackage
from gis.workflow import demo, intake, outputs, warming
from tests.flow.bad import LOCKED, SUFFIX, WRITERS, digests, filled, one_sentence
from tests.flow.test_bad_input import TAKERS

try:
    import resource
except ImportError:
    resource = None


@pytest.mark.parametrize("mode", ["IMMEDIATE", "EXCLUSIVE"])
@pytest.mark.parametrize("name", LOCKED)
def test_a_store_that_somebody_else_writes_to(gis, place, name, mode, monkeypatch):
    """Readers see the last state; writers, and all where nobody may read, say who holds it."""
    monkeypatch.setattr(geopackage, "WAIT_S", 0.05)
    words, code = LOCKED[name]
    with closing(sqlite3.connect(place / "store.gpkg", isolation_level=None)) as other:
        other.execute(f"BEGIN {mode}")
        came, _, said = gis(*filled(words, place, f"new{SUFFIX.get(name, '.csv')}"))
    assert came == (11 if mode == "EXCLUSIVE" else code), said
    assert came == 0 or one_sentence(said)
    assert came == 0 or not list(place.glob("new*"))


# where the work of each command is
WORK = {
    "warm": (["warm"], warming, "warm"),
    "demo": (["demo", "OUT"], demo, "demo"),
    "verify": (["verify", "SOUND"], outputs, "verify"),
    **{name: (words, geopackage.GeoPackage, "facts") for name, (words, _) in LOCKED.items()},
}


@pytest.mark.parametrize("name", WORK)
def test_an_interrupted_command_says_so(gis, place, name, monkeypatch):
    """130, as shells have it; the store stays."""
    words, where, what = WORK[name]
    before = digests(place)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(where, what, interrupted)
    code, shown, said = gis(*filled(words, place, f"new{SUFFIX.get(name, '.csv')}"))
    told = "已中止,未入库 · stopped, nothing was stored" if name == "load" else "已中止 · stopped"
    assert (code, shown, said) == (130, "", f"{told}\n")
    assert digests(place) == before


# --- full disks, streams, locales -----------------------------------------------------------------------------------

FULL = [
    *[["export", "STORE", "buildings", f"new{suffix}"] for suffix in WRITERS["export"][1]],
    ["map", "STORE", "new.html"],
    ["workbook", "STORE", "new.xlsx"],
    ["deliver", "STORE", "new.zip"],
    ["check", "STORE"],
    ["adopt", "STORE"],
    ["load", "STORE", "again.gpkg", "--layer", "buildings"],
    ["init", "new.gpkg"],
]


@pytest.fixture
def small():
    """Return a function that lets no file of this process grow beyond so many bytes, as a full disk does."""
    if resource is None:
        pytest.skip("no limits of files on this system")
    known = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, known[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, known)


def changes(path):
    """Return how many change sets a store has."""
    with intake.opened(path, Settings()) as store:
        return len(store.changes())


# what libraries had open when the system refused is closed when they are forgotten
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("words", FULL, ids=[" ".join(words) for words in FULL])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(gis, store_path, tmp_path, small, words, monkeypatch):
    """Whatever library met it; the store opens again as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    assert gis("export", store_path, "buildings", "again.gpkg")[0] == 0
    before, there = changes(store_path), set(os.listdir())
    small(20_000)
    code, _, said = gis(*[store_path if word == "STORE" else word for word in words])
    small(resource.RLIM_INFINITY)
    gc.collect()
    assert code == 12 and one_sentence(said), said
    assert changes(store_path) == before
    # the journal of a store that was cut off has been used up by opening it
    assert set(os.listdir()) == there and not os.listdir("scratch")


@pytest.mark.parametrize("part", [0.9, 0.93, 0.96, 0.99])
def test_a_geopackage_that_lacks_its_end_is_none(gis, store_path, tmp_path, small, part):
    """GDAL says nothing of what it cannot write when it closes the file."""
    assert gis("export", store_path, "parcels", tmp_path / "whole.gpkg")[0] == 0
    small(int((tmp_path / "whole.gpkg").stat().st_size * part))
    code, _, said = gis("export", store_path, "parcels", tmp_path / "cut.gpkg")
    small(resource.RLIM_INFINITY)
    assert code == 12 and one_sentence(said), said
    assert not (tmp_path / "cut.gpkg").exists()


def run(*words, **options):
    """Run a command as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **options.pop("environment", {})}
    return subprocess.run([sys.executable, "-m", "gis", *map(str, words)], env=environment, **options)


@pytest.mark.skipif(os.name == "nt", reason="pipes of other systems")
@pytest.mark.parametrize(("words", "code"), [(["check", "STORE"], 0), (["--help"], 0), (["check", "none.gpkg"], 10)])
def test_nobody_needs_to_read_to_the_end(place, words, code):
    """A reader that has gone away changes neither what is done nor how it ends."""
    read, write = os.pipe()
    os.close(read)
    ended = run(*filled(words, place), stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert ended.returncode == code, ended.stderr.decode()
    assert b"Traceback" not in ended.stderr and b"Broken" not in ended.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_what_cannot_be_said_is_told(place):
    """The work is done, its report is lost: not 0."""
    with open("/dev/full", "wb") as full:
        ended = run("check", place / "store.gpkg", stdout=full, stderr=subprocess.PIPE)
    assert ended.returncode == 12 and one_sentence(ended.stderr.decode()), ended.stderr.decode()


@pytest.mark.skipif(os.name == "nt", reason="locales of other systems")
@pytest.mark.parametrize("more", [{}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_a_locale_that_is_not_utf_8(place, more):
    """Names lead to the same files, and what is said is UTF-8."""
    name = os.fsencode(place / "门头沟.gpkg")
    words = [os.fsencode(sys.executable), b"-m", b"gis"]
    known = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "LC_ALL": "C", **more}
    out = os.fsencode(place / "街区.gpkg")
    for more_words in ([b"init", name], [b"export", name, b"blocks", out]):
        ended = subprocess.run([*words, *more_words], env=known, capture_output=True)
        assert ended.returncode == 0, ended.stderr.decode()
        assert "已" in ended.stdout.decode()
    assert (place / "门头沟.gpkg").stat().st_size and len(pyogrio.list_layers(place / "街区.gpkg")) == 1


def test_every_command_is_here():
    """No command goes untested."""
    tables = [words for words, _ in (*WRITERS.values(), *TAKERS.values(), *LOCKED.values())]
    tables += [words for words, *_ in WORK.values()]
    commands = {command.name or command.callback.__name__ for command in cli.app.registered_commands}
    assert commands <= {word for words in tables for word in words}
