"""WGS 84/CGCS2000 to and from GCJ-02 and BD-09, on arrays of degrees.

GCJ-02 is the public obfuscation of commercial base maps in China: about 560 m at Mentougou toward azimuth 74°
(domain.md §6.2). It is undone only to clean a bureau's own input, once, at intake, with a record. The forward formula
is the widely published approximation; the inverse iterates it to below 1e-9 degrees.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]

# semi-major axis (m) and squared eccentricity of Krasovsky 1940, which the obfuscation uses whatever the datum
_A = 6378245.0
_EE = 0.00669342162296594323
_BD = np.pi * 3000.0 / 180.0


def to_gcj02(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Shift WGS 84/CGCS2000 degrees to GCJ-02.

    Parameters
    ----------
    lon, lat
        Degrees; arrays of one shape.

    Returns
    -------
    tuple of numpy.ndarray
        Longitude and latitude in GCJ-02, degrees.
    """
    x, y = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    east, north = _shift(x - 105.0, y - 35.0)
    phi = np.radians(y)
    magic = 1 - _EE * np.sin(phi) ** 2
    dlat = north * 180.0 / ((_A * (1 - _EE)) / (magic * np.sqrt(magic)) * np.pi)
    dlon = east * 180.0 / (_A / np.sqrt(magic) * np.cos(phi) * np.pi)
    return x + dlon, y + dlat


def from_gcj02(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Undo GCJ-02 by fixed-point iteration.

    Parameters
    ----------
    lon, lat
        Degrees in GCJ-02.

    Returns
    -------
    tuple of numpy.ndarray
        Longitude and latitude in WGS 84/CGCS2000, degrees, to better than 1e-9.
    """
    gx, gy = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    x, y = gx, gy
    for _ in range(30):
        fx, fy = to_gcj02(x, y)
        dx, dy = gx - fx, gy - fy
        x, y = x + dx, y + dy
        if not x.size or max(np.abs(dx).max(), np.abs(dy).max()) < 1e-11:
            break
    return x, y


def gcj02_to_bd09(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Shift GCJ-02 degrees to Baidu's BD-09.

    Parameters
    ----------
    lon, lat
        Degrees in GCJ-02.

    Returns
    -------
    tuple of numpy.ndarray
        Longitude and latitude in BD-09, degrees.
    """
    x, y = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    radius = np.hypot(x, y) + 2e-5 * np.sin(y * _BD)
    angle = np.arctan2(y, x) + 3e-6 * np.cos(x * _BD)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def bd09_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Undo BD-09 to GCJ-02 by fixed-point iteration.

    Parameters
    ----------
    lon, lat
        Degrees in BD-09.

    Returns
    -------
    tuple of numpy.ndarray
        Longitude and latitude in GCJ-02, degrees.
    """
    bx, by = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    x, y = bx - 0.0065, by - 0.006
    for _ in range(30):
        fx, fy = gcj02_to_bd09(x, y)
        dx, dy = bx - fx, by - fy
        x, y = x + dx, y + dy
        if not x.size or max(np.abs(dx).max(), np.abs(dy).max()) < 1e-11:
            break
    return x, y


def _shift(x: NDArray[np.float64], y: NDArray[np.float64]) -> Pair:
    """Return the obfuscation's offsets in metres for degrees relative to 105E 35N."""
    root = np.sqrt(np.abs(x))
    wave = (20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + wave
    north = north + (20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2.0 / 3.0
    north = north + (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + wave
    east = east + (20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2.0 / 3.0
    east = east + (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2.0 / 3.0
    return east, north
