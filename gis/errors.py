"""Exceptions, each named after the part that failed.

Bad programs and unusable inputs raise one of these; bad data becomes rows of findings instead (`gis.findings`).
Every message says what came, what is allowed and what to do; the values are kept as attributes.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from gis import addresses


class GisError(Exception):
    """Base of every error raised on purpose by `gis`; `details` keeps the values named in the message.

    No password of a database stands in either, whatever was typed.

    Parameters
    ----------
    message
        What came, what is allowed, what to do.
    **details
        The values named in the message, kept for programs.
    """

    exit_code = 1

    def __init__(self, message: str, **details: Any) -> None:
        self.message = addresses.masked(message)
        super().__init__(self.message)
        self.details = {name: _masked(value) for name, value in details.items()}

    def __str__(self) -> str:
        """Return the message as it was written (KeyError alone would quote it)."""
        return self.message


def _masked(value: Any) -> Any:
    """Return a value of an error's details; a text that shows a password comes without it."""
    if not isinstance(value, str | PurePath):
        return value
    told = addresses.masked(str(value))
    return value if told == str(value) else told


class UsageError(GisError, ValueError):
    """An argument has a value that is not allowed."""

    exit_code = 2


class CrsError(GisError, ValueError):
    """A frame or file has no coordinate reference system, the wrong one, or needs a transform nobody can vouch for."""

    exit_code = 3


class SourceError(GisError, OSError):
    """A file cannot be read: missing, incomplete (no .dbf), damaged, or of a format that must be converted first."""

    exit_code = 4


class EmptyError(GisError, ValueError):
    """A file or frame has no rows where at least one is needed."""

    exit_code = 5


class UnknownNameError(GisError, KeyError):
    """A layer, field, code list, norm or key that the catalogue or store does not have."""

    exit_code = 6


class FrameError(GisError, ValueError):
    """A frame handed to an analysis or a writer lacks a column, repeats a key, or holds invalid geometry."""

    exit_code = 7


class OverlayError(GisError, ArithmeticError):
    """An overlay breaks a law that holds for all of them: features and place are named, nothing is handed out."""

    exit_code = 20


class RowsRefused(GisError, ValueError):
    """Rows break the layer's rules (key, type, geometry, reference); `findings` lists all faults at once.

    Parameters
    ----------
    message
        Summary for people.
    findings
        Table of `gis.findings` with one row per fault.
    **details
        Further values.
    """

    exit_code = 8

    def __init__(self, message: str, findings: Any = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.findings = findings


class StaleEditError(RowsRefused):
    """Rows were changed by someone else after they were read; both versions are shown in the findings."""

    exit_code = 9


class StoreError(GisError, RuntimeError):
    """A store cannot be opened or used: not a store, damaged, or made by something else."""

    exit_code = 10


class StoreLockedError(StoreError):
    """Another program holds the store open for writing."""

    exit_code = 11


class StorePermissionError(GisError, PermissionError):
    """The system does not allow writing to this place."""

    exit_code = 12


class CatalogueError(GisError, ValueError):
    """A catalogue file is broken; the message names file, key and what is allowed."""

    exit_code = 13


class MigrationNeededError(StoreError):
    """The store was made with another catalogue; `plan` says what `gis migrate` would do."""

    exit_code = 14


class AdoptionNeededError(StoreError):
    """The store was changed by another program in a way history did not see; `gis adopt` records it."""

    exit_code = 15


class DeliveryError(GisError, ValueError):
    """A delivery package does not hold what its manifest and source say."""

    exit_code = 16


class PublicationError(GisError, ValueError):
    """Something that must not be published would leave the house."""

    exit_code = 17


class MissingDependencyError(GisError, ImportError):
    """An optional library or program that this task needs is not installed."""

    exit_code = 18


class FaultsFound(GisError, ValueError):
    """What a command was asked to judge has errors; they were listed."""

    exit_code = 19
