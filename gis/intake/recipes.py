"""Recipes: what was settled while reading a file, kept so that the same file is read again without questions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from gis import archives, writing
from gis.errors import SourceError
from gis.intake import lending, shapefiles
from gis.intake.sources import Source

# matters that a flag of `gis load` settles
FLAGS = ("crs", "encoding", "datum")
# ways of settling that a file does not repeat by itself
_SETTLED = {"given", "evidence"}
_FORMAT = 1
# formats that are several files of one stem
_IN_PARTS = {".shp", ".tab", ".mif"}


@dataclass(frozen=True)
class Recipe:
    """Hold how a file was read.

    Parameters
    ----------
    file
        Name of the file.
    digest
        SHA-256 of all its parts.
    layer
        The layer that it became.
    made
        Day of the first reading, ISO.
    decisions
        Matter, value and how it was settled, in order.
    """

    file: str
    digest: str
    layer: str
    made: str
    decisions: tuple[tuple[str, str, str], ...]

    def settled(self) -> Mapping[str, str]:
        """Return the flags that repeat the reading, by name."""
        # what the file itself says, or its bytes, say it again
        return {matter: value for matter, value, how in self.decisions if matter in FLAGS and how in _SETTLED}


def digest(path: Path) -> str:
    """Return one SHA-256 for a file with all its parts.

    Parameters
    ----------
    path
        A file, the .shp of a shapefile, or a folder such as a geodatabase.

    Returns
    -------
    str
        64 digits.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
    elif path.suffix.lower() in _IN_PARTS:
        files = [file for _, file in sorted(shapefiles.parts(path).items()) if file.is_file()]
    else:
        files = [path, *(file for file in lending.pending(path))]
        if len(files) == 1:
            return archives.digest(path)
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.name}\0{archives.digest(file)}\n".encode())
    return whole.hexdigest()


def of(source: Source, layer: str) -> Recipe:
    """Write down how a file was read.

    Parameters
    ----------
    source
        What `read` gave.
    layer
        The layer that it became.

    Returns
    -------
    Recipe
    """
    decisions = tuple((one.matter, one.value, one.how) for one in source.decisions)
    return Recipe(source.path.name, digest(source.path), layer, date.today().isoformat(), decisions)


def save(recipe: Recipe, folder: Path, *, anew: bool = False) -> Path:
    """Keep a recipe.

    Parameters
    ----------
    recipe
        How a file was read.
    folder
        Where recipes lie; it is made if needed.
    anew
        Replace one that lies there already; else it stays as it is.

    Returns
    -------
    pathlib.Path
        The recipe's own file.
    """
    out = folder / f"{recipe.digest[:16]}.json"
    if anew or not out.exists():
        record = {"format": _FORMAT, "file": recipe.file, "sha256": recipe.digest, "layer": recipe.layer}
        decisions = [dict(zip(("matter", "value", "how"), one, strict=True)) for one in recipe.decisions]
        record |= {"made": recipe.made, "decisions": decisions}
        with writing.whole(out) as half:
            half.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return out


def find(path: Path, folder: Path, known: str = "") -> Recipe | None:
    """Look for the recipe of a file.

    Parameters
    ----------
    path
        The file.
    folder
        Where recipes lie; need not exist.
    known
        The file's digest, where it is at hand.

    Returns
    -------
    Recipe or None
        Of a file with the very same content, whatever it was called.

    Raises
    ------
    SourceError
        There is one, and it cannot be read.
    """
    if not folder.is_dir():
        return None
    whole = known or digest(path)
    file = folder / f"{whole[:16]}.json"
    if not file.exists():
        return None
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        decisions = tuple((str(one["matter"]), str(one["value"]), str(one["how"])) for one in record["decisions"])
        found = Recipe(record["file"], record["sha256"], record["layer"], record["made"], decisions)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise SourceError(
            f"the recipe {file.name} for {path.name} cannot be read ({error}); delete it to be asked again",
            file=file.name,
        ) from None
    return found if found.digest == whole else None
