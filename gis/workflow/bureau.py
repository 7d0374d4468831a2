"""What a bureau writes down in files of its own: its settings, and the notice of a consultation."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

from gis.errors import SourceError, UsageError
from gis.publish.notice import Clearance, Notice
from gis.settings import Settings


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
        A key that is not known.
    """
    content = _toml(file)
    _known(file, content, [field.name for field in fields(Settings)])
    if "rings" in content:
        content["rings"] = tuple((str(name), float(metres)) for name, metres in content["rings"])
    if "bounds" in content:
        content["bounds"] = tuple(map(float, content["bounds"])) or None
    if "layers" in content:
        content["layers"] = Path(content["layers"])
    return Settings(**content)


def read_notice(file: Path) -> Notice:
    """Read what a consultation is from a TOML file.

    Parameters
    ----------
    file
        Keys as the parameters of `gis.publish.notice.Notice`: name, organiser, basis, opens, closes, phone …; a table
        [clearance] for 审图号 and 保密审查.

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
    lacking = [name for name in ("name", "organiser", "basis", "opens", "closes") if name not in content]
    if lacking:
        raise UsageError(f"{file.name} lacks {', '.join(lacking)}; a consultation must say it", keys=lacking)
    if "clearance" in content:
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
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SourceError(f"{file.name} cannot be read as TOML: {error}", path=str(file)) from None


def _known(file: Path, content: dict[str, Any], allowed: list[str]) -> None:
    """Refuse keys that mean nothing."""
    unknown = sorted(set(content) - set(allowed))
    if unknown:
        known = ", ".join(allowed)
        raise UsageError(f"{file.name} has the unknown key {unknown[0]!r}; keys are {known}", key=unknown[0])
