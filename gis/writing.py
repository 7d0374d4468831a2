"""Files that appear whole or not at all, and what the system says when it takes no more of one."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gis import leftovers
from gis.errors import GisError, StorePermissionError

# bytes by which a full disk is told from a fault of ours
_MORE = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def whole(out: Path) -> Iterator[Path]:
    """Lend a temporary file beside `out` that becomes `out` only if the block ends well.

    Parameters
    ----------
    out
        The file to be made; its folder is made if needed.

    Yields
    ------
    pathlib.Path
        The temporary file; removed when the block fails.

    Raises
    ------
    StorePermissionError
        The system does not let us write there, or stops in the middle; or something is there that is no file.
    """
    with explained(out):
        require_file(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        leftovers.sweep(out.parent)
        # neither longer than the system allows, nor odder than GDAL can open
        handle, name = tempfile.mkstemp(prefix=leftovers.owned(".gis-"), suffix=out.suffix.lower(), dir=out.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with explained(out, temporary), _plainly(temporary) as plain:
            yield plain
        with explained(out):
            # mkstemp makes files that only their owner may read
            temporary.chmod(0o644)
            temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _plainly(file: Path) -> Iterator[Path]:
    """Lend a file of another folder where a path is one that not every library can open, and copy it back."""
    if all(unicodedata.category(letter) not in {"Cc", "Cs"} for letter in str(file)):
        yield file
        return
    with scratch() as folder:
        plain = folder / file.name
        plain.touch()
        yield plain
        shutil.copyfile(plain, file)


@contextmanager
def scratch() -> Iterator[Path]:
    """Lend a folder for work on the way; it is gone afterwards.

    Yields
    ------
    pathlib.Path

    Raises
    ------
    StorePermissionError
        The system does not let us write there, or stops in the middle.
    """
    place = Path(tempfile.gettempdir())
    with explained(place / "gis"):
        leftovers.sweep(place)
        folder = tempfile.mkdtemp(prefix=leftovers.owned("gis-"), dir=place)
    try:
        yield Path(folder)
    except OSError as error:
        # nobody runs out of room by reading; it may be an output's, though, that was written from here
        if isinstance(error, GisError) or error.errno not in _FULL or not _answer(None, Path(folder) / "more"):
            raise
        advice = "make room there, or name another folder for temporary files in TMPDIR"
        raise StorePermissionError(f"{place}: {os.strerror(error.errno)}; {advice}", folder=str(place)) from None
    finally:
        # a library that keeps a file open holds up the system, not the work
        shutil.rmtree(folder, ignore_errors=True)


def require_file(out: Path) -> None:
    """Refuse to take the place of a folder, or of a device, which would be gone for everybody.

    Parameters
    ----------
    out
        The file to be made.
    """
    if out.exists() and not out.is_file():
        raise StorePermissionError(f"{out} is no file and stays as it is; give the name of a file", file=out.name)


@contextmanager
def explained(out: Path, begun: Path | None = None) -> Iterator[None]:
    """Turn the system's refusal to write a file into one error, whichever library met it.

    Parameters
    ----------
    out
        What the file is called in the message.
    begun
        The file as far as it was written, or any name in its folder: where a library keeps the system's answer to
        itself, the system is asked again by writing there.

    Yields
    ------
    None

    Raises
    ------
    StorePermissionError
        The disk is full, the file is too large, the folder may not be written. All other errors pass.
    """
    try:
        yield
    except GisError:
        raise
    except Exception as error:
        said = _answer(error, begun)
        if not said:
            raise
        advice = f"{said}; make room, close it in other programs, or give another place"
        raise StorePermissionError(f"cannot write {out.name} in {out.parent}: {advice}", file=out.name) from None


def _answer(error: BaseException | None, begun: Path | None) -> str | None:
    """Return what the system said at the root of an error, or says to one more mebibyte, None where it takes it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return os.strerror(error.errno)
        error = error.__cause__ or error.__context__
    try:
        if begun is not None:
            with begun.open("ab") as file:
                file.write(bytes(_MORE))
    except OSError as refusal:
        return refusal.strerror
    return None
