"""What was answered about a file when it was loaded before, and what is written down of it once its rows are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gis import crs as gis_crs
from gis import findings as gis_findings
from gis.errors import SourceError, StorePermissionError
from gis.intake import recipes
from gis.intake.admission import door
from gis.intake.recipes import Recipe
from gis.intake.sources import Source
from gis.store import Store
from gis.store.geopackage import GeoPackage


@dataclass(frozen=True)
class Answers:
    """Hold how one file is to be read: what is said now, and else what was said before.

    Parameters
    ----------
    flags
        Value or None by name, as `gis.intake.read.read` takes them.
    recipe
        How a file of this content was read before, if it was.
    folder
        Where recipes lie; None keeps none.
    anew
        Whether something is said now: it takes the place of what was said before.
    digest
        Of the file before it is read, "" where no recipe is kept.
    """

    flags: Mapping[str, str | None]
    recipe: Recipe | None
    folder: Path | None
    anew: bool
    digest: str = ""

    def notes(self, file: str) -> list[dict[str, Any]]:
        """Return the finding about a file that is read as recorded.

        Parameters
        ----------
        file
            Its name.

        Returns
        -------
        list of dict
            Empty where nothing is recorded, or something else is said now.
        """
        if self.recipe is None or self.anew:
            return []
        shown = ", ".join(f"{matter} {value}" for matter, value, _ in self.recipe.decisions)
        made = self.recipe.made
        return [gis_findings.finding("source.recipe", file, severity="info", made=made, decisions=shown or "—")]

    def learnt(self, source: Source, layer: str) -> Recipe | None:
        """Return what there is to write down of a reading.

        Parameters
        ----------
        source
            The file as it was read.
        layer
            The layer that it becomes.

        Returns
        -------
        gis.intake.recipes.Recipe or None
            None where nothing is new.

        Raises
        ------
        SourceError
            The file is another one by now: nobody knows which of the two was read.
        """
        if self.folder is None:
            return None
        learnt = recipes.of(source, layer)
        if learnt.digest != self.digest:
            raise SourceError(
                f"{source.path.name} was changed while it was read; wait until it is written, then load it again",
                path=str(source.path),
            )
        return learnt if self.recipe is None or self.anew else None

    def keep(self, recipe: Recipe | None) -> list[dict[str, Any]]:
        """Write a recipe down; only what was stored was rightly read, as far as anybody knows.

        Parameters
        ----------
        recipe
            From `learnt`.

        Returns
        -------
        list of dict
            The finding that it could not be: the rows are stored all the same.
        """
        if recipe is None or self.folder is None:
            return []
        try:
            recipes.save(recipe, self.folder, anew=self.anew)
        except StorePermissionError as error:
            return [gis_findings.finding("source.recipe_unkept", recipe.file, severity="warning", text=str(error))]
        return []


def about(path: Path, said: Mapping[str, str | None], *, whole: bool, folder: Path | None, store: Store) -> Answers:
    """Look up what was answered about a file.

    Parameters
    ----------
    path
        The file.
    said
        What is said now, by the flag's name.
    whole
        Whether all of the file is read; of one layer of several no recipes are kept.
    folder
        Where recipes lie; without it one beside a GeoPackage, and none for a database.
    store
        Where the file goes.

    Returns
    -------
    Answers
    """
    place = (folder or _beside(store)) if whole else None
    before = "" if place is None else _digest(path)
    recipe = None if place is None else recipes.find(path, place, before)
    settled = _settled(recipe, store) if recipe else {}
    flags = {name: value or settled.get(name) for name, value in said.items()}
    return Answers(flags, recipe, place, any(said.values()), before)


def _digest(path: Path) -> str:
    """Return a file's digest, "" of what is no file: that is refused where it would be read."""
    try:
        door.require_size(path)
        return recipes.digest(path) if path.is_file() or path.suffix.lower() == ".gdb" else ""
    except PermissionError:
        raise SourceError(f"{path.name} may not be read; ask for the right to read it", path=str(path)) from None


def _beside(store: Store) -> Path | None:
    """Return the folder of recipes beside a store that is a file."""
    return store.home.path.with_suffix(".recipes") if isinstance(store.home, GeoPackage) else None


def _settled(recipe: Recipe, store: Store) -> dict[str, str]:
    """Return the flags that repeat a reading; of a bureau's own grid a recipe knows the name, and we one grid alone."""
    settled = dict(recipe.settled())
    if not settled.get("crs", "EPSG:").startswith("EPSG:"):
        name = settled.pop("crs")
        settled |= {"crs": store.settings.crs} if name == gis_crs.label(store.crs) else {}
    return settled
