"""The typeface of drawings: one file that comes with the packages, so that a sheet is the same on every machine.

Neither the system's fonts nor matplotlib's list of them is asked: the file is read by its path. No package with Chinese
letters under an open licence has a bold face of them, so `paper.write` makes letters bold by their outlines.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib import resources
from pathlib import Path

from gis.errors import MissingDependencyError, UsageError

# Noto Sans SC under the SIL Open Font License, with every letter of GB 2312 and nearly all of GBK
_PACKAGE, _NAME = "pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf"
SUFFIXES = (".otf", ".ttf", ".ttc")
# a file without these is no Chinese typeface
_PROBE = "城市更新街区站点"
_CHOSEN: ContextVar[Path | None] = ContextVar("typeface", default=None)


@contextmanager
def used(chosen: Path | None) -> Iterator[None]:
    """Write with a file of the reader's own choice for the length of a block.

    Parameters
    ----------
    chosen
        *.otf, *.ttf or *.ttc (its first face); None keeps what is used already.

    Yields
    ------
    None

    Raises
    ------
    UsageError
        There is no such file, or it has no Chinese letters.
    """
    if chosen is None:
        yield
        return
    _check(chosen)
    token = _CHOSEN.set(chosen)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def file() -> Path:
    """Return the file that texts are written with.

    Returns
    -------
    pathlib.Path
        The one chosen by `used`, or the one that comes with the packages.

    Raises
    ------
    MissingDependencyError
        Its package is not installed.
    """
    return _CHOSEN.get() or _packaged()


def letters() -> frozenset[int]:
    """Return the code points that the typeface can draw."""
    return _letters(file())


@lru_cache(maxsize=1)
def _packaged() -> Path:
    """Return the file that comes with the packages."""
    try:
        found = Path(str(resources.files(_PACKAGE) / _NAME))
    except ModuleNotFoundError:
        found = Path(_NAME)
    if not found.is_file():
        raise MissingDependencyError(
            f"the Chinese typeface {_NAME} is not installed; run `pip install {_PACKAGE.replace('_', '-')}`, or name a "
            "file in Settings(font=…)",
            package=_PACKAGE,
        )
    return found


def _check(chosen: Path) -> None:
    """Refuse a file that texts can't be written with."""
    if chosen.suffix.lower() not in SUFFIXES or not chosen.is_file():
        allowed = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
        raise UsageError(f"font is {str(chosen)!r}; it must be a file that is there: {allowed}", font=chosen)
    try:
        missing = [letter for letter in _PROBE if ord(letter) not in _letters(chosen)]
    except RuntimeError as error:
        raise UsageError(f"font is {str(chosen)!r}, which cannot be read as a font: {error}", font=chosen) from None
    if missing:
        raise UsageError(
            f"font is {str(chosen)!r}, which lacks {''.join(missing)}; name a Chinese typeface, or none", font=chosen
        )


@lru_cache(maxsize=4)
def _letters(path: Path) -> frozenset[int]:
    """Return the code points of a file."""
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(path).get_charmap())
