"""What a spoilt file must not do: the road from file to accepted rows, walked in a process that may die."""

from __future__ import annotations

import resource
import tempfile
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from gis import catalogue, rows
from gis.errors import GisError
from gis.intake import conform, repair, validate
from gis.intake.read import read
from gis.settings import Settings

# what one small file may take beside the libraries themselves, bytes
_ROOM = 4 << 30


def limit() -> None:
    """Bound the memory of this process, so that a size claimed by a header is an error and not a full machine."""
    with Path("/proc/self/statm").open(encoding="ascii") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + _ROOM, now + _ROOM))


def outcome(files: Mapping[str, bytes], name: str, layer: str, options: Mapping[str, str]) -> str:
    """Return "stored" or "refused", or else what went wrong.

    Parameters
    ----------
    files
        Content by file name.
    name
        The file to be read.
    layer
        What its rows are to be.
    options
        What the file cannot say, for `read`.
    """
    with tempfile.TemporaryDirectory(prefix="gis-fuzz-") as folder:
        for file, content in files.items():
            (Path(folder) / file).write_bytes(content)
        try:
            return _walked(Path(folder) / name, layer, options)
        except GisError as error:
            return "refused" if str(error) and "\n" not in str(error) else f"an error without a sentence: {error!r}"
        except Exception:
            return traceback.format_exc()


@cache
def _shared() -> catalogue.Catalogue:
    return catalogue.read()


def _walked(path: Path, name: str, options: Mapping[str, str]) -> str:
    """Read, conform, repair, validate, split; then hold the accepted rows against the layer's own rules."""
    layer, settings = _shared().layer(name), Settings()
    source = read(path, **options)
    came = conform.conform(source, layer, settings=settings, catalogue=_shared()).frame
    mended = repair.repair(came, layer).frame
    found = validate.validate(mended, layer, catalogue=_shared(), settings=settings)
    accepted, quarantined = validate.split(mended, found, layer=layer.name, file=path.name)
    if len(accepted) + len(quarantined) != len(source.frame):
        return f"{len(source.frame)} rows came, {len(accepted)} + {len(quarantined)} are left"
    faults = rows.check(accepted, layer, _shared())
    faults = faults[faults["severity"] == "error"]
    return "stored" if faults.empty else f"accepted with faults: {faults.to_dict('records')}"
