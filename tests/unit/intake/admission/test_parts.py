"""What is read with a file lies beside it."""

from __future__ import annotations

import pytest

from gis.errors import SourceError
from gis.intake.admission import parts

# file, its part, where the part leads, and whether that is its own
LINKS = {
    "elsewhere": ("a.shp", "a.dbf", "../b.dbf", False),
    "beside": ("a.shp", "a.dbf", "b.dbf", True),
    "into a folder": ("a.shp", "a.dbf", "folder/b.dbf", False),
    "in capitals": ("a.shp", "A.DBF", "../b.dbf", False),
    "nowhere": ("a.shp", "a.prj", "../none", False),
    "no part of it": ("a.shp", "a.pdf", "../b.pdf", True),
    "table": ("a.tab", "a.dat", "../b.dat", False),
    "rows": ("a.mif", "a.mid", "../b.mid", False),
    "journal": ("a.gpkg", "a.gpkg-wal", "../b.gpkg-wal", False),
    "geodatabase": ("a.gdb", "a.gdb/a00000001.gdbtable", "../../b", False),
}


@pytest.mark.parametrize("name", LINKS)
def test_a_part_may_be_a_link_within_its_folder(tmp_path, name):
    """And to no other place, whatever is there."""
    file, part, target, own = LINKS[name]
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / part).parent.mkdir(exist_ok=True)
    if not file.endswith(".gdb"):
        (folder / file).touch()
    there = (folder / part).parent / target
    if "none" not in target:
        there.parent.mkdir(exist_ok=True)
        there.touch()
    (folder / part).symlink_to(target)
    if own:
        parts.require_own(folder / file)
        return
    with pytest.raises(SourceError, match=f"{part.split('/')[-1]} is a link that leads to another folder"):
        parts.require_own(folder / file)


def test_a_file_itself_may_be_a_link_with_its_parts(tmp_path):
    """A folder of links to another one, as some keep their data."""
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    for suffix in (".shp", ".dbf", ".shx"):
        (there / f"a{suffix}").touch()
        (here / f"a{suffix}").symlink_to(there / f"a{suffix}")
    parts.require_own(here / "a.shp")
