"""The ground cut along every line of every layer: faces, who covers each, and what is asked of the shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from gis import compiled
from gis.analysis.keys import text
from gis.analysis.widths import FEATURES, LAYER, Questions
from gis.errors import OverlayError
from gis.geometry import discs, faces, facets, measures, noding, outlines, parts, snapped
from gis.geometry.faces import Faces
from gis.geometry.outlines import Outlines
from gis.geometry.parts import Shapes


@dataclass(frozen=True)
class Layers:
    """Hold layers that were read once, the features of each sorted by key.

    Parameters
    ----------
    names
        Names in order of precedence.
    keys
        Keys of each layer's features.
    order
        Row of each feature in the layer's frame.
    shapes
        The features of each layer as drawn.
    outlines
        The same as flat arrays; None where the work is left to GEOS.
    """

    names: tuple[str, ...]
    keys: list[pa.Array]
    order: list[NDArray[np.integer]]
    shapes: list[Shapes]
    outlines: list[Outlines] | None


@dataclass(frozen=True)
class Ground:
    """Hold the faces that the lines of all layers make, with the features that cover each.

    Features are numbered through all layers, layers in order of precedence and features by key, so that the order of
    rows in the frames cannot matter. A face without features does not exist; -1 stands for the ground outside.

    Parameters
    ----------
    layers
        Names in order of precedence.
    keys
        Key of each feature.
    layer_of
        Position of each feature's layer.
    own_m2
        Area of each feature as drawn, m².
    faces
        Measures, covers and neighbours of the faces.
    shapes
        The features as drawn.
    outlines
        The same as flat arrays, in the order in which they were cut; None where GEOS cut them.
    rank
        Position of each feature of `outlines` among all features.
    polygons
        The faces where GEOS made them, from the south-west corner of all shapes; else None.
    run
        Says how a kernel is to be run.
    workers
        Number of threads; None takes all processors.
    """

    layers: tuple[str, ...]
    keys: pa.Array
    layer_of: NDArray[np.int32]
    own_m2: NDArray[np.float64]
    faces: Faces
    shapes: Shapes
    outlines: Outlines | None
    polygons: Shapes | None
    run: Callable[[object], Callable]
    workers: int | None

    @cached_property
    def names(self) -> NDArray[np.object_]:
        """Key of each feature as text."""
        return np.asarray(self.keys.to_numpy(zero_copy_only=False), dtype=object)

    def place(self, face: int) -> tuple[float, float]:
        """Return a point inside a face.

        Parameters
        ----------
        face
            Position of the face.

        Returns
        -------
        tuple of float
            x and y in the layers' own CRS, m.
        """
        x, y = self.faces.place[face]
        return float(x), float(y)

    def united(self, label: NDArray[np.int64], count: int) -> Shapes:
        """Draw the faces of each label as one shape.

        Parameters
        ----------
        label
            Which shape each face is part of, from 0; -1 for none.
        count
            Number of shapes.

        Returns
        -------
        numpy.ndarray
            Valid polygons and multipolygons in the layers' own CRS, each as large as its faces.

        Raises
        ------
        OverlayError
            A shape that can't be drawn so.
        """
        if self.outlines is not None:
            return facets.drawn(self.outlines, self.faces, label, count, workers=self.workers)
        members = np.flatnonzero(label >= 0)
        corner = snapped.origin(self.shapes)
        local = noding.united(np.asarray(self.polygons)[members], label[members], count)
        wanted, around = (
            np.bincount(label[members], each[members], count).astype(np.float64)
            for each in (self.faces.area_m2, self.faces.perimeter_m)
        )
        digit = snapped.last_digit(self.shapes)
        return snapped.fitted(
            snapped.moved(local, corner),
            wanted,
            snapped.bound(around, self.shapes),
            lambda lost: snapped.placed(local[lost], np.arange(len(lost)), len(lost), corner, digit),
            lambda n: self.place(int(np.flatnonzero(label == n)[0])),
        )

    def wide(self, questions: Questions, tolerance: float) -> NDArray[np.bool_]:
        """Tell where a disc as wide as the tolerance fits.

        Parameters
        ----------
        questions
            What ground is meant.
        tolerance
            Diameter of the disc, m.

        Returns
        -------
        numpy.ndarray
            One answer a question.
        """
        what, place = questions.what, questions.place
        if self.outlines is None:
            return self._wide_by_geos(what, place, tolerance)
        found = discs.fits(
            self.outlines, self.faces.grid, self.layer_of, what, place, questions.box, tolerance / 2,
            workers=self.workers,
        )  # fmt: skip
        answer = found == discs.YES
        ask = np.flatnonzero(found == discs.ASK)
        answer[ask] = self._wide_by_geos(what[ask], place[ask], tolerance)
        return answer

    def _wide_by_geos(self, what: NDArray[np.int64], place: NDArray[np.float64], tolerance: float) -> NDArray[np.bool_]:
        """Answer the same by intersection, difference and a buffer inwards."""
        made = np.empty(len(what), dtype=object)
        common = np.flatnonzero(what[:, LAYER] < 0)
        made[common] = self.shapes[what[common, FEATURES]]
        for column in range(FEATURES + 1, what.shape[1]):
            more = common[what[common, column] >= 0]
            shared = snapped.intersection(made[more], self.shapes[what[more, column]])
            made[more] = parts.without_dust(shared, 0.0)
        for n in np.flatnonzero(what[:, LAYER] >= 0):
            made[n] = self._open_piece(int(what[n, FEATURES]), int(what[n, LAYER]), place[n])
        return parts.survives(made, tolerance / 2)

    def _open_piece(self, feature: int, layer: int, place: NDArray[np.float64]) -> shapely.Geometry:
        """Return the piece of a feature that a layer leaves open around a place."""
        shape = self.shapes[feature]
        first, tree = self._trees[layer]
        near = first + np.sort(tree.query(shape))
        left = snapped.difference(shape, snapped.union(self.shapes[near]))
        pieces, _ = parts.polygons(np.array([left], dtype=object))
        if not len(pieces):
            return shapely.Polygon()
        return pieces[np.argmin(shapely.distance(pieces, shapely.Point(place)))]

    @cached_property
    def _trees(self) -> list[tuple[int, shapely.STRtree]]:
        """First feature and index of each layer."""
        starts = np.searchsorted(self.layer_of, np.arange(len(self.layers) + 1))
        return [(int(a), shapely.STRtree(self.shapes[a:b])) for a, b in pairwise(starts)]


def cut(layers: Layers, *, workers: int | None = None) -> Ground:
    """Cut the ground along every line of every layer.

    Parameters
    ----------
    layers
        Valid polygons with unique keys, in one projected CRS.
    workers
        Number of threads; the result does not depend on it.

    Returns
    -------
    Ground

    Raises
    ------
    OverlayError
        The faces of a feature do not add up to its own area, to `snapped.bound`.

    Notes
    -----
    Where GEOS, which cuts what is small, breaks that law, the kernels cut once more.
    """
    ground = _cut(layers, layers.outlines, workers)
    off = _off(ground)
    if off.any() and layers.outlines is None:
        ground = _cut(layers, [outlines.of(shapes) for shapes in layers.shapes], workers)
        off = _off(ground)
    if off.any():
        _refuse(ground, off)
    return ground


def _cut(layers: Layers, flat_layers: list[Outlines] | None, workers: int | None) -> Ground:
    """Cut the ground by the kernels, or by GEOS where no outlines are given."""
    shapes = np.concatenate(layers.shapes)
    sizes = np.array([len(key) for key in layers.keys])
    common = {
        "layers": layers.names,
        "keys": pa.chunked_array(layers.keys).combine_chunks(),
        "layer_of": np.repeat(np.arange(len(layers.names), dtype=np.int32), sizes),
        "shapes": shapes,
        "workers": workers,
    }
    if flat_layers is not None:
        flat = outlines.joined(flat_layers)
        cut_faces = faces.of(flat, workers=workers)
        return Ground(
            **common, own_m2=flat.area_m2, faces=cut_faces, outlines=flat, polygons=None, run=compiled.as_compiled
        )
    cut_faces, polygons = noding.faces(shapes)
    own = measures.area(shapes)
    return Ground(**common, own_m2=own, faces=cut_faces, outlines=None, polygons=polygons, run=compiled.as_plain)


def _off(ground: Ground) -> NDArray[np.float64]:
    """Return by how much the faces of each feature miss its own area, m²; 0 for no more than a rounding."""
    off = np.abs(faces.held(ground.faces, len(ground.own_m2)) - ground.own_m2)
    return np.where(off > snapped.bound(shapely.length(ground.shapes), ground.shapes), off, 0.0)


def _refuse(ground: Ground, off: NDArray[np.float64]) -> None:
    """Name the features whose ground was lost or counted twice."""
    worst = int(np.argmax(off))
    x, y = shapely.get_coordinates(shapely.point_on_surface(ground.shapes[worst]))[0].tolist()
    raise OverlayError(
        f"the account of {np.count_nonzero(off)} features does not balance, worst that of "
        f"{ground.layers[ground.layer_of[worst]]} {ground.names[worst]} at {x:.3f}, {y:.3f}: its cells are "
        f"{off[worst]:.6f} m² off its own {ground.own_m2[worst]:.6f} m²; no figure is handed out, report "
        "these features",
        features=ground.names[off > 0].tolist(),
        x=x,
        y=y,
    )


def read(layers: Mapping[str, gpd.GeoDataFrame]) -> Layers:
    """Read layers, the features of each sorted by key.

    Parameters
    ----------
    layers
        Polygons by layer name in order of precedence, with keys in `<name>_id`.

    Returns
    -------
    Layers
    """
    keys = [text(frame[f"{name}_id"]) for name, frame in layers.items()]
    order = [pc.array_sort_indices(key).to_numpy() for key in keys]
    drawn = [frame.geometry.to_numpy() for frame in layers.values()]
    shapes = [np.asarray(each[rows], dtype=object) for each, rows in zip(drawn, order, strict=True)]
    points = sum(int(shapely.get_num_coordinates(each).sum()) for each in shapes)
    swept = compiled.ready(points) or not snapped.roomy(*shapes)
    flat = [outlines.of(each) for each in shapes] if swept else None
    sorted_keys = [key.take(pa.array(rows)) for key, rows in zip(keys, order, strict=True)]
    return Layers(tuple(layers), sorted_keys, order, shapes, flat)
