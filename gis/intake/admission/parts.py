"""Whether the files that are read with another are its own: files, and none that leads out of its folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gis.errors import SourceError

# what is read with a file of a suffix: parts of its stem, and of its whole name
_OF_STEM = {
    ".shp": {".dbf", ".shx", ".prj", ".cpg", ".cst", ".sbn", ".sbx", ".qix"},
    ".tab": {".dat", ".map", ".id", ".ind"},
    ".mif": {".mid"},
}
_OF_NAME = {".gpkg": ("-wal", "-shm", "-journal")}


def require_own(path: Path) -> None:
    """Refuse a file of which a part is a link to another place, a pipe or a device.

    Parameters
    ----------
    path
        The file that was named, or the folder of a file geodatabase; itself it may be a link.

    Raises
    ------
    SourceError
        The message names the part and says what to do.
    """
    homes = {path.resolve()} if path.is_dir() else {path.parent.resolve(), path.resolve().parent}
    for part in _parts(path):
        if part.is_symlink() and part.resolve().parent not in homes:
            raise SourceError(
                f"{path.name}: {part.name} is a link that leads to another folder, which is not read; put a copy of "
                "the file itself in its place",
                path=str(path),
                part=part.name,
            )
        if part.exists() and not part.is_file():
            raise SourceError(
                f"{path.name}: {part.name} is no file but a folder, a pipe or a device; ask for the file itself",
                path=str(path),
                part=part.name,
            )


def _parts(path: Path) -> Iterator[Path]:
    """Yield what is read with a file."""
    if path.is_dir():
        yield from (part for part in sorted(path.rglob("*")) if part.is_symlink() or not part.is_dir())
        return
    suffix = path.suffix.lower()
    for ending in _OF_NAME.get(suffix, ()):
        yield path.with_name(f"{path.name}{ending}")
    if suffix in _OF_STEM:
        stem = path.stem.casefold()
        beside = (part for part in sorted(path.parent.iterdir()) if part.stem.casefold() == stem)
        yield from (part for part in beside if part.suffix.lower() in _OF_STEM[suffix])
