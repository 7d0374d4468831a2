"""The command line: parse, call one workflow function, print, map the error class to an exit code."""

from __future__ import annotations

import errno
import gc
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gis import catalogue as gis_catalogue
from gis import stopping, terminal
from gis.cli import analyses, data, publication, session, upkeep
from gis.errors import GisError, SourceError, StorePermissionError, UsageError
from gis.settings import LIMITS, Settings
from gis.workflow import bureau, intake

_LIMITS_HELP = f"单个文件的上限,可重复:{'、'.join(LIMITS)} · how much one file may bring"
# answers of the system that another place or more room would change
_REFUSALS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO}

app = session.app
_FAMILIES = [family.__name__ for family in (upkeep, data, analyses, publication)]
# commands are listed as data flows, not as families are loaded
app.registered_commands.sort(key=lambda command: _FAMILIES.index(str(getattr(command.callback, "__module__", ""))))


@session.app.callback()
def common(
    context: typer.Context,
    lang: Annotated[str | None, typer.Option(help="语言:zh 或 en · language")] = None,
    layers: Annotated[Path | None, typer.Option(help="图层目录文件夹 · folder of the catalogue")] = None,
    file: Annotated[Path | None, typer.Option("--settings", help="本单位设置 *.toml · the bureau's settings")] = None,
    crs: Annotated[str | None, typer.Option("--working-crs", help="工作坐标系 · EPSG code or WKT file")] = None,
    author: Annotated[str, typer.Option(envvar="GIS_AUTHOR", help="填报人 · who makes changes")] = "gis",
    reason: Annotated[str | None, typer.Option(help="变更原因 · why")] = None,
    limit: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help=_LIMITS_HELP)] = None,
) -> None:
    """城市更新空间规划:街区统筹与站城融合。Spatial planning for urban renewal."""
    intake.require_said(lang=lang, working_crs=crs)
    base = bureau.read_settings(file) if file else Settings()
    if lang is not None and lang not in gis_catalogue.LANGUAGES:
        raise UsageError(f"--lang is {lang!r}; allowed are zh and en", lang=lang)
    limits = base.limits.raised(limit or ())
    settings = replace(base, lang=lang or base.lang, layers=layers or base.layers, crs=crs or base.crs, limits=limits)
    context.obj = session.Session(settings, author, reason)


def main() -> None:
    """Run a command; print one clear sentence and use the exit code of the error's class when it fails."""
    reader = terminal.taken("stdout")
    terminal.taken("stderr")
    with terminal.hushed(), stopping.heard() as came:
        code = _ended(came)
        if code:
            # what could not be written is let go of before anybody hears of it
            gc.collect()
    lost = None if reader is None else reader.left()
    sys.exit(code if lost is None else code or session.print_error(lost))


def _ended(came: list[int]) -> int:
    """Run the command of the command line and return what it ends with; signals that came meanwhile are looked at."""
    try:
        # without its standalone mode the framework returns the code of an early exit instead of leaving with it
        code = app(standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt) as stop:
        return _stopped(stop, came)
    except Exception as error:
        # libraries make errors of their own of an interruption
        return _stopped(error, came) if came else _failed(error)
    if code == stopping.INTERRUPTED:
        return _stopped(None, came)
    return code if isinstance(code, int) else 0


def _failed(error: Exception) -> int:
    """Print an error that is nobody's mistake in a program, and return its exit code; all others are raised."""
    if isinstance(error, GisError):
        return session.print_error(error)
    if isinstance(error, OSError) and error.errno is not None:
        kind = StorePermissionError if error.errno in _REFUSALS else SourceError
        place = "" if error.filename is None else f": {error.filename}"
        return session.print_error(kind(f"{os.strerror(error.errno)}{place}; mend that, or give another place"))
    if not type(error).__module__.startswith(("click", "typer")):
        raise error
    said = error.format_message() if hasattr(error, "format_message") else error
    terminal.complain(f"用法错误 · usage: {said}")
    return UsageError.exit_code


def _stopped(stop: BaseException | None, came: list[int]) -> int:
    """Say that a command was stopped, and return the code that shells know."""
    terminal.complain(stopping.sentence(stop))
    return stopping.SHELL + came[0] if came else stopping.INTERRUPTED
