"""Shapes of a frame as matplotlib draws them, without geopandas' plot, which would open pyplot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path


def within(frame: gpd.GeoDataFrame | None, bounds: Sequence[float]) -> gpd.GeoDataFrame | None:
    """Return the rows that meet a rectangle.

    Parameters
    ----------
    frame
        Any frame, or None.
    bounds
        West, south, east, north.

    Returns
    -------
    geopandas.GeoDataFrame or None
        None where nothing is there.
    """
    if frame is None or frame.empty:
        return None
    shapes = frame.geometry.to_numpy()
    ground = shapely.box(bounds[0], bounds[1], bounds[2], bounds[3])
    met = shapely.intersects(shapes, ground) & ~shapely.is_empty(shapes)
    return frame[met].reset_index(drop=True) if met.any() else None


def areas(axes: Axes, shapes: Any, **style: Any) -> None:
    """Draw polygons with their holes.

    Parameters
    ----------
    axes
        Where.
    shapes
        Polygons and multipolygons; other parts are passed over.
    **style
        matplotlib's: facecolor, edgecolor, linewidth, hatch, zorder.
    """
    from matplotlib.collections import PathCollection

    parts = shapely.get_parts(np.atleast_1d(np.asarray(shapes, dtype=object)))
    paths = [_path(part) for part in parts if part.geom_type == "Polygon" and not part.is_empty]
    if paths:
        axes.add_collection(PathCollection(paths, **style), autolim=False)


def lines(axes: Axes, shapes: Any, **style: Any) -> None:
    """Draw lines, or the borders of polygons.

    Parameters
    ----------
    axes
        Where.
    shapes
        Lines, multilines, polygons.
    **style
        matplotlib's: colors, linewidths, linestyles, capstyle, zorder.
    """
    from matplotlib.collections import LineCollection

    given = np.atleast_1d(np.asarray(shapes, dtype=object))
    given = np.where(shapely.get_dimensions(given) == 2, shapely.boundary(given), given)
    runs = [shapely.get_coordinates(part) for part in shapely.get_parts(given) if part.geom_type != "Point"]
    if runs:
        axes.add_collection(LineCollection(runs, **style), autolim=False)


def _path(polygon: shapely.Polygon) -> Path:
    """Return a polygon as one path: the shell one way round, the holes the other."""
    from matplotlib.path import Path

    turned = shapely.orient_polygons(polygon)
    return Path.make_compound_path(*(Path(ring.coords, closed=True) for ring in (turned.exterior, *turned.interiors)))
