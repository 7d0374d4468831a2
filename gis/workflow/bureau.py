"""What a bureau writes down in files of its own: its settings, and the notice of a consultation."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

from gis.errors import SourceError, UsageError
from gis.publish.notice import PROCEDURES, Clearance, Notice
from gis.settings import ALLOWED, LIMITS, Limits, Settings


def _text(value: Any) -> str:
    """Return a text, which no number or list is."""
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> float:
    """Return a number, which no text, true or false is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _numbers(value: Any) -> tuple[float, ...]:
    """Return a list of numbers."""
    if not isinstance(value, list):
        raise TypeError
    return tuple(map(_number, value))


def _switch(value: Any) -> bool:
    """Return true or false, which no text or number is."""
    if not isinstance(value, bool):
        raise TypeError
    return value


def _limits(value: Any) -> Limits:
    """Return limits, of which a table names some."""
    if not isinstance(value, dict) or set(value) - set(LIMITS):
        raise TypeError
    return Limits(**value)


# how the values of a settings file become those of `Settings`, which says which of them it allows
_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "rings": lambda value: tuple((_text(name), _number(metres)) for name, metres in value),
    "bounds": lambda value: _numbers(value) or None,
    "walk_minutes": _numbers,
    "break_crossings": _switch,
    "limits": _limits,
    **dict.fromkeys(("layers", "font"), lambda value: Path(_text(value))),
    **dict.fromkeys(("district_code", "district_name", "crs", "delivery_crs", "lang"), _text),
    **dict.fromkeys(("tolerance", "walk_speed_mps", "walk_depth_m", "employed_share"), _number),
}


def read_settings(file: Path) -> Settings:
    """Read a bureau's settings from a TOML file.

    Parameters
    ----------
    file
        Keys as the parameters of `Settings`; those that are absent keep their default. Rings are a list of
        [name, metres].

    Returns
    -------
    Settings

    Raises
    ------
    SourceError
        The file cannot be read as TOML.
    UsageError
        A key that is not known, or a value of another kind.
    """
    content = _toml(file)
    _known(file, content, [field.name for field in fields(Settings)])
    for name, convert in _CONVERTERS.items():
        if name in content:
            try:
                content[name] = convert(content[name])
            except (TypeError, ValueError):
                said = f"{name} of the settings is {content[name]!r}; allowed: {ALLOWED[name]}"
                raise UsageError(f"{file.name}: {said}", key=name) from None
    try:
        return Settings(**content)
    except UsageError as error:
        raise UsageError(f"{file.name}: {error}", **error.details) from None


def read_notice(file: Path) -> Notice:
    """Read what a consultation is from a TOML file.

    Parameters
    ----------
    file
        Keys as the parameters of `gis.publish.notice.Notice`: name, organiser, basis, opens, closes, procedure, phone
        …; a table [clearance] for 审图号 and 保密审查.

    Returns
    -------
    gis.publish.notice.Notice

    Raises
    ------
    SourceError
        The file cannot be read as TOML.
    UsageError
        A key that is not known or missing, or a notice that lacks what the public must be told.
    """
    content = _toml(file)
    _known(file, content, [field.name for field in fields(Notice)])
    needed = ("name", "organiser", "basis", "opens", "closes", "procedure")
    lacking = [name for name in needed if name not in content]
    if lacking:
        kinds = f"; procedure is one of {', '.join(PROCEDURES)}" if "procedure" in lacking else ""
        raise UsageError(f"{file.name} lacks {', '.join(lacking)}; a consultation must say it{kinds}", keys=lacking)
    if "clearance" in content:
        if not isinstance(content["clearance"], dict):
            raise UsageError(f"{file.name}: clearance is {content['clearance']!r}; allowed: a table")
        _known(file, content["clearance"], [field.name for field in fields(Clearance)])
        content["clearance"] = Clearance(**content["clearance"])
    return Notice(**content)


def sample_notice() -> Notice:
    """Return the made-up consultation of the sample town."""
    return Notice(
        name="示例区更新项目征求意见",
        organiser="示例区规划和自然资源分局(虚构)",
        basis="城乡规划法第二十六条(示例)",
        opens=date(2026, 11, 23),
        closes=date(2026, 12, 22),
        procedure="statutory",
        phone="010-0000 0000",
        email="example@example.org",
        address="示例区示例街 1 号",
        least_days=30,
        synthetic=True,
    )


def internal_notice(settings: Settings) -> Notice:
    """Return what an internal map says of itself.

    Parameters
    ----------
    settings
        Name of the district.

    Returns
    -------
    gis.publish.notice.Notice
    """
    today = date.today()
    return Notice(
        name=f"{settings.district_name}城市更新工作图",
        organiser=settings.district_name,
        basis="内部工作用图,不用于公示",
        opens=today,
        closes=today,
        address="本单位内部",
        procedure="working",
    )


def _toml(file: Path) -> dict[str, Any]:
    """Parse a TOML file."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror}; give a TOML file", path=str(file)) from None
    except UnicodeDecodeError:
        raise SourceError(f"{file.name} is not in UTF-8; save it in that encoding", path=str(file)) from None
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"{file.name} is no TOML: {error}; mend that place", path=str(file)) from None


def _known(file: Path, content: dict[str, Any], allowed: list[str]) -> None:
    """Refuse keys that mean nothing."""
    unknown = sorted(set(content) - set(allowed))
    if unknown:
        known = ", ".join(allowed)
        raise UsageError(f"{file.name} has the unknown key {unknown[0]!r}; keys are {known}", key=unknown[0])
