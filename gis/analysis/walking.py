"""Walking (步行方式): how fast people walk, where they wait, and what a way takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.errors import FrameError, UsageError

# Tobler (1993): walking speed is 6 exp(-3.5 |slope + 0.05|) km/h
_TOBLER = 3.5
_TOBLER_BEST = 0.05
# how files say that a way is no bridge and no tunnel
_NOT = ("", "no", "false", "f", "0", "0.0", "否", "无")


@dataclass(frozen=True)
class Walking:
    """Say how people walk; every figure is the bureau's choice.

    Parameters
    ----------
    speed_mps
        Speed on level ground.
    openings
        Kinds of ways that lead through or over barriers. None: every way that is drawn across a barrier does, for data
        without kinds, such as a road graph.
    closed
        Kinds that nobody steps onto half-way: bridges, underpasses, gates.
    apart
        Kinds that lead over or under other ways, which meet them at their ends only. So do ways of any kind with a
        `level` (or `layer`) other than 0, or with `bridge` or `tunnel` set.
    break_crossings
        Whether ways that cross without a common vertex meet there, as in drawings whose lines run through crossroads;
        ways that lead over or under others never do.
    pace
        Share of the speed on ways of a kind, such as stairs.
    delay_s
        Waiting on ways of a kind, such as gates and crossings.
    slope
        Whether the column `slope` (rise ÷ run, in the direction drawn) counts, by Tobler's function; level is 1.
    join_m
        Vertices of ways so near to another way are taken to meet it, unless a barrier lies between, and ways that run
        beside each other within it are one.
    access_m
        Longest leg from a door to the network.
    """

    speed_mps: float = 1.25
    openings: tuple[str, ...] | None = ("bridge", "underpass", "crossing", "gate")
    closed: tuple[str, ...] = ("bridge", "underpass", "gate")
    apart: tuple[str, ...] = ("bridge", "underpass", "tunnel")
    break_crossings: bool = False
    pace: Mapping[str, float] = field(default_factory=dict)
    delay_s: Mapping[str, float] = field(default_factory=dict)
    slope: bool = True
    join_m: float = 0.5
    access_m: float = 400.0

    def __post_init__(self) -> None:
        """Refuse figures that no one walks by."""
        for name in ("speed_mps", "access_m"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be above 0", **{name: getattr(self, name)})
        slow = {kind: share for kind, share in self.pace.items() if not share > 0}
        wait = {kind: wait for kind, wait in self.delay_s.items() if not wait >= 0}
        if slow or wait or not self.join_m >= 0:
            raise UsageError(f"pace must be above 0, delays and join_m not below 0: {slow | wait or self.join_m}")

    @property
    def fastest_mps(self) -> float:
        """Return a speed that nobody exceeds on any way."""
        slope = np.exp(_TOBLER * _TOBLER_BEST) if self.slope else 1.0
        return float(self.speed_mps * max([1.0, *self.pace.values()]) * slope)

    def told(self) -> dict[str, object]:
        """Return the figures as parameters of a lineage."""
        figures = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return figures | {"pace": dict(self.pace), "delay_s": dict(self.delay_s)}


def kinds(ways: pd.DataFrame) -> NDArray[np.object_]:
    """Return the kind of each way.

    Parameters
    ----------
    ways
        Ways, with or without a column `kind`.

    Returns
    -------
    numpy.ndarray
        Text, "" where no kind is known.
    """
    if "kind" not in ways.columns:
        return np.full(len(ways), "", dtype=object)
    return ways["kind"].astype(object).where(ways["kind"].notna(), "").to_numpy(dtype=object)


def above(ways: pd.DataFrame, walking: Walking) -> NDArray[np.bool_]:
    """Tell which ways lead over or under others, by kind or by level.

    Parameters
    ----------
    ways
        Ways, with or without the columns `kind`, `level`, `layer`, `bridge` and `tunnel`.
    walking
        With the kinds.

    Returns
    -------
    numpy.ndarray
        One entry a way.
    """
    found = np.isin(kinds(ways).astype(str), walking.apart)
    for name in ("level", "layer"):
        if name in ways.columns:
            found |= (pd.to_numeric(ways[name], errors="coerce").fillna(0) != 0).to_numpy()
    for name in ("bridge", "tunnel"):
        if name in ways.columns:
            said = ways[name].astype(object).where(ways[name].notna(), "")
            found |= ~said.astype(str).str.strip().str.lower().isin(_NOT).to_numpy()
    return found


def seconds(
    ways: pd.DataFrame,
    way: NDArray[np.intp],
    metres: NDArray[np.float64],
    walking: Walking,
    leg: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return what pieces of ways take to walk.

    Parameters
    ----------
    ways
        Ways, with kind and slope where known.
    way
        Position of each piece's way.
    metres
        Length of each piece.
    walking
        How people walk.
    leg
        Which pieces only lead to a way: nobody waits on them.

    Returns
    -------
    numpy.ndarray
        Seconds as drawn, and back: a row a piece. Waiting on a way is shared out over its pieces by length.

    Raises
    ------
    FrameError
        A slope is no number from -1 to 1.
    """
    names, number = np.unique(kinds(ways).astype(str), return_inverse=True)
    pace = np.array([walking.pace.get(name, 1.0) for name in names])[number][way] * walking.speed_mps
    delay = np.array([walking.delay_s.get(name, 0.0) for name in names])[number][way]
    drawn = np.where(leg, 0.0, metres)
    whole = np.bincount(way, drawn, minlength=len(ways))[way]
    wait = delay * drawn / np.where(whole > 0, whole, 1)
    slope = _slope(ways) if walking.slope and "slope" in ways.columns else np.zeros(len(ways))
    rise = np.stack([slope[way], -slope[way]], axis=1)
    level = np.exp(-_TOBLER * (np.abs(rise + _TOBLER_BEST) - _TOBLER_BEST))
    return (metres / pace)[:, None] / level + wait[:, None]


def _slope(ways: pd.DataFrame) -> NDArray[np.float64]:
    """Return the slope of each way, level where it is not known."""
    slope = pd.to_numeric(ways["slope"], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    wrong = (np.isnan(slope) & ways["slope"].notna().to_numpy()) | (np.abs(slope) > 1)
    if wrong.any():
        came = ways["slope"].iloc[int(np.argmax(wrong))]
        raise FrameError(f"ways: slope is {came}; it is rise ÷ run, from -1 to 1", layer="ways", came=str(came))
    return np.nan_to_num(slope)
