"""The ground cut along every line of every layer: faces, and who covers each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from gis.geometry import areas, coverage
from gis.geometry.parts import Shapes

# who covers a face: for each layer, in order of precedence, the sorted positions of its features
Cover = tuple[tuple[int, ...], ...]


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
        Polygons in window coordinates.
    area_m2
        Area of each face, m².
    face, feature
        Who covers what: one pair of positions each, sorted by face, then feature.
    origin
        What to add to window coordinates, m.
    """

    layers: tuple[str, ...]
    keys: NDArray[np.object_]
    layer_of: NDArray[np.intp]
    own_m2: NDArray[np.float64]
    faces: Shapes
    area_m2: NDArray[np.float64]
    face: NDArray[np.intp]
    feature: NDArray[np.intp]
    origin: NDArray[np.float64]

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """Where each face's features begin in `feature`; one entry more than there are faces."""
        return np.searchsorted(self.face, np.arange(len(self.faces) + 1))

    @cached_property
    def has_layer(self) -> NDArray[np.bool_]:
        """Whether each face (row) is covered by each layer (column)."""
        table = np.zeros((len(self.faces), len(self.layers)), dtype=bool)
        table[self.face, self.layer_of[self.feature]] = True
        return table

    @cached_property
    def borders(self) -> areas.Pairs:
        """Neighbouring faces i < j and the length of their common border in m; i = -1 is the ground outside."""
        return coverage.borders(self.faces)

    def cover(self, face: int) -> Cover:
        """Return who covers a face as the layers were drawn.

        Parameters
        ----------
        face
            Position of the face; nobody covers -1, the ground outside.

        Returns
        -------
        Cover
            Positions of features, a tuple for each layer.
        """
        return self._covers[face] if face >= 0 else tuple(() for _ in self.layers)

    def nearby(self, face: int, distance: float) -> list[tuple[int, float]]:
        """Return the other faces close to one.

        Parameters
        ----------
        face
            Position of the face.
        distance
            How far to look, m.

        Returns
        -------
        list of tuple
            Position and distance in m of each.
        """
        found = self._tree.query(self.faces[face], predicate="dwithin", distance=distance)
        found = found[found != face]
        return list(zip(found.tolist(), shapely.distance(self.faces[face], self.faces[found]).tolist(), strict=True))

    @cached_property
    def _covers(self) -> list[Cover]:
        """Who covers each face."""
        covers: list[list[list[int]]] = [[[] for _ in self.layers] for _ in self.faces]
        layers = self.layer_of[self.feature].tolist()
        for face, layer, feature in zip(self.face.tolist(), layers, self.feature.tolist(), strict=True):
            covers[face][layer].append(feature)
        return [tuple(map(tuple, cover)) for cover in covers]

    @cached_property
    def _tree(self) -> shapely.STRtree:
        """Index of the faces."""
        return shapely.STRtree(self.faces)

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
        point = shapely.point_on_surface(self.faces[face])
        return float(point.x + self.origin[0]), float(point.y + self.origin[1])


def cut(layers: Mapping[str, gpd.GeoDataFrame]) -> Ground:
    """Cut the ground along every line of every layer.

    Parameters
    ----------
    layers
        Valid polygons by layer name in order of precedence, with unique keys in `<name>_id`, in one projected CRS.

    Returns
    -------
    Ground
    """
    names = tuple(layers)
    keys = [frame[f"{name}_id"].to_numpy(dtype=object) for name, frame in layers.items()]
    order = [np.argsort(key) for key in keys]
    keys = [key[rank] for key, rank in zip(keys, order, strict=True)]
    drawn = [frame.geometry.to_numpy()[rank] for frame, rank in zip(layers.values(), order, strict=True)]
    corner = areas.origin(*drawn)
    local = [areas.moved(shapes, -corner) for shapes in drawn]
    # lines are cut in the order of layer names: precedence decides who keeps a sliver, not where the ground is cut
    faces = coverage.faces(np.concatenate([local[position] for position in np.argsort(names)]))
    shapes = np.concatenate(local)
    face, feature = coverage.covered(faces, shapes)
    covered, face = np.unique(face, return_inverse=True)
    faces = faces[covered]
    return Ground(
        layers=names,
        keys=np.concatenate(keys),
        layer_of=np.repeat(np.arange(len(names)), [len(key) for key in keys]),
        own_m2=shapely.area(shapes),
        faces=faces,
        area_m2=shapely.area(faces),
        face=face,
        feature=feature,
        origin=corner,
    )
