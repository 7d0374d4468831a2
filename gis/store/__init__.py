"""The store: `open_store` opens a GeoPackage file or a PostGIS schema behind one contract."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gis import addresses
from gis import catalogue as catalogues
from gis import crs as systems
from gis.catalogue import Catalogue
from gis.errors import CrsError, StoreError, UsageError
from gis.settings import Settings
from gis.store import changes, migrations
from gis.store.base import Store
from gis.store.changes import Change
from gis.store.geopackage import GeoPackage
from gis.store.home import FACTS, FORMAT, Home
from gis.store.migrations import Plan, Step
from gis.store.postgis import Postgis

__all__ = ["Change", "Plan", "Step", "Store", "open_store"]


def open_store(
    target: str | Path,
    *,
    catalogue: Catalogue | None = None,
    settings: Settings | None = None,
    create: bool = False,
) -> Store:
    """Open a store, or make one.

    Parameters
    ----------
    target
        Path of a `.gpkg` file, or "postgresql://user@host/database?schema=gis" (schema `gis` where none is named); the
        password is best kept in ~/.pgpass, PGPASSWORD or a service.
    catalogue
        The layers and their rules; None reads the folder that the settings name, or the standard one.
    settings
        The bureau's settings; None takes the defaults, and the CRS that the store says.
    create
        Make the store where there is none; one that is there is opened.

    Returns
    -------
    Store
        Use it in a `with` block, or close it.

    Raises
    ------
    UsageError
        The target is neither.
    StoreError
        It is not there, or is no store.
    CrsError
        The store keeps another CRS than the settings.
    StoreLockedError, StorePermissionError
        Another program holds it, or the system refuses.

    Notes
    -----
    A store that another program has changed, or that was made with another catalogue, opens for reading;
    `Store.findings` says what is wrong, and writing is refused until `adopt` or `migrate`.

    Examples
    --------
    >>> with open_store("town.gpkg", create=True) as store:  # doctest: +SKIP
    ...     store.read("blocks").empty
    True
    """
    known = catalogue or catalogues.read(settings.layers if settings else None)
    home = _home(str(target), create)
    try:
        if home.layout(FACTS) is None:
            if not create:
                raise StoreError(
                    f"{home.name} holds no store; make one with: gis init {addresses.shown(target)}", target=home.name
                )
            _make(home, known, settings or Settings())
        facts = migrations.facts(home)
        if facts["format"] != FORMAT:
            raise StoreError(f"{home.name} has format {facts['format']}, this program knows {FORMAT}; update it")
        home.srid = int(facts["srid"])
        chosen = replace(settings or Settings(), crs=_crs(home.name, facts, settings))
        return Store(home, known, chosen, systems.parse(chosen.crs))
    except BaseException:
        home.close()
        raise


def _home(target: str, create: bool) -> Home:
    """Return the home that a target names."""
    if addresses.is_database(target):
        return Postgis(target, create=create)
    if Path(target).suffix.lower() == ".gpkg":
        try:
            Path(target).resolve().exists()
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or error
            name = addresses.shown(target)
            raise StoreError(f"{name!r} cannot be a file ({said}); give another name", target=name) from None
        return GeoPackage(Path(target), create=create)
    named = addresses.shown(target)
    raise UsageError(
        f"{named!r} is no store; give a file that ends in .gpkg, or postgresql://user@host:port/database", target=named
    )


def _make(home: Home, catalogue: Catalogue, settings: Settings) -> None:
    """Make an empty store in one transaction, as its first change set."""
    crs = systems.parse(settings.crs)
    if not crs.is_projected or not systems.in_metres(crs):
        raise CrsError(f"a store needs a projected CRS in metres, not {systems.label(crs)}", came=systems.label(crs))
    if systems.identity(crs) != systems.label(crs):
        # a store is recognised by the name of its grid, and the name goes into deliveries
        raise CrsError(
            f"the name of this grid, {systems.label(crs)!r}, gives its parameters away and would stand in the store; "
            "give it a name without numbers in its WKT file",
            came=systems.label(crs),
        )
    with home.transaction():
        home.create_store(crs)
        for layer in catalogue.layers.values():
            migrations.create(home, layer)
        home.describe(catalogue, catalogue.layers.values())
        facts = {"format": FORMAT, "catalogue": catalogue.digest, "schema": migrations.schema(catalogue.layers)}
        home.state({**facts, "lists": migrations.lists(catalogue), "crs": systems.label(crs), "srid": str(home.srid)})
        with changes.opened(home, "gis", "store made", "init", None):
            pass


def _crs(name: str, facts: dict[str, str], settings: Settings | None) -> str:
    """Return the working CRS: what the settings say if the store agrees, else what the store says."""
    kept = facts["crs"]
    if settings is None:
        if not kept.startswith("EPSG:"):
            shown = systems.masked(kept)
            raise CrsError(f"{name} keeps the local grid {shown!r}; give Settings(crs=…) with its WKT file", came=shown)
        return kept
    given = systems.parse(settings.crs)
    wanted = systems.label(given)
    if systems.identity(given) != kept:
        shown = kept if kept.startswith("EPSG:") else systems.masked(kept)
        raise CrsError(f"{name} keeps {shown}, the settings say {wanted}; give the settings of this store", came=shown)
    return settings.crs
