"""Slivers: which features truly meet, and who receives the ground between those that only seem to.

Two features meet if their common ground survives erosion by half the tolerance; so must the ground of a feature that a
layer leaves open, piece by piece. Both are decided on the shapes as drawn, before anything is given away. A face whose
cover holds a pair that does not meet is a sliver and is settled layer by layer, in order of precedence.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gis.analysis.ground import Cover, Ground
from gis.geometry import parts

# borders equal to the micrometre are equal: the key decides, not the last bit
_LENGTH_DIGITS = 6


@dataclass(frozen=True)
class Ties:
    """Say who meets whom on ground as drawn.

    Parameters
    ----------
    together
        Pairs of features i < j that meet.
    beyond
        (feature, layer) where the feature truly reaches ground that the layer leaves open.
    lost
        (face, feature, layer) where the feature has a residual piece too narrow to count.
    slivers
        Faces whose cover holds a pair that does not meet, or a lost residual; sorted.
    tolerance
        The width that decided, m.
    """

    together: frozenset[tuple[int, int]]
    beyond: frozenset[tuple[int, int]]
    lost: frozenset[tuple[int, int, int]]
    slivers: tuple[int, ...]
    tolerance: float

    def meet(self, one: int, other: int) -> bool:
        """Tell whether two features meet.

        Parameters
        ----------
        one, other
            Positions of features, in any order.

        Returns
        -------
        bool
            True also for a feature and itself.
        """
        return one == other or (min(one, other), max(one, other)) in self.together


@dataclass(frozen=True)
class Settlement:
    """Say how the slivers were settled.

    Parameters
    ----------
    cover
        New cover of each face that changed.
    kept
        Features that would have vanished and keep their largest tuple; sorted.
    """

    cover: dict[int, Cover]
    kept: tuple[int, ...]


def ties(ground: Ground, tolerance: float) -> Ties:
    """Decide who meets whom.

    Parameters
    ----------
    ground
        Faces and their covers.
    tolerance
        Width below which common ground is noise of digitising, m.

    Returns
    -------
    Ties
    """
    erosion = tolerance / 2
    sure = parts.clearly_survives(ground.faces, erosion)
    together, apart = _pairs(ground, sure, erosion)
    beyond, lost = _residuals(ground, sure, erosion)
    narrow = _distinct(np.concatenate([apart, lost[:, 0]]))
    return Ties(
        together=frozenset(map(tuple, together.tolist())),
        beyond=frozenset(map(tuple, beyond.tolist())),
        lost=frozenset(map(tuple, lost.tolist())),
        slivers=tuple(narrow.tolist()),
        tolerance=tolerance,
    )


def settle(ground: Ground, known: Ties) -> Settlement:
    """Give every sliver to those who truly meet there.

    Parameters
    ----------
    ground
        Faces and their covers.
    known
        Who meets whom.

    Returns
    -------
    Settlement

    Notes
    -----
    The layer named first keeps its ground. Of a later layer, features that meet all earlier ones stay; if none does,
    the face takes the cover of the neighbour with the longest common border that fits, ties by key. Faces without such
    a neighbour wait until a neighbour is settled; then the nearest cover within the tolerance serves, and where there
    is none the ground belongs to no feature of the layer.
    """
    if not known.slivers:
        return Settlement({}, ())
    near = _neighbours(ground, known.slivers)
    held: set[tuple[int, int]] = set()
    while True:
        case = _Case(ground, known, near, frozenset(held))
        for layer in range(len(ground.layers)):
            case.settle_layer(layer)
        cover = case.changes()
        vanished = _vanished(ground, cover)
        if not vanished:
            return Settlement(cover, tuple(sorted({feature for _, feature in held})))
        held.update(pair for feature in vanished for pair in _largest_tuple(ground, feature))


class _Case:
    """Settle one ground once: covers change face by face while it lives."""

    def __init__(
        self,
        ground: Ground,
        known: Ties,
        near: dict[int, list[tuple[int, float]]],
        held: frozenset[tuple[int, int]],
    ) -> None:
        self.ground, self.known, self.near, self.held = ground, known, near, held
        involved = set(known.slivers).union(face for row in near.values() for face, _ in row)
        self.cover = {face: list(ground.cover(face)) for face in involved}

    def changes(self) -> dict[int, Cover]:
        """Return the new cover of every face that is no longer covered as drawn."""
        settled = {face: tuple(self.cover[face]) for face in self.known.slivers}
        return {face: cover for face, cover in settled.items() if cover != self.ground.cover(face)}

    def settle_layer(self, layer: int) -> None:
        """Settle one layer on all slivers; earlier layers are final."""
        waiting: dict[int, tuple[int, ...]] = {}
        for face in self.known.slivers:
            stay = self._staying(face, layer)
            if stay is None:
                continue
            if stay and self._agree(face, stay):
                self.cover[face][layer] = stay
            else:
                waiting[face] = stay
        while waiting:
            found = {face: self._best_offer(face, layer, stay, waiting) for face, stay in waiting.items()}
            ready = {face: offer for face, offer in found.items() if offer is not None}
            # no neighbour fits any more: whoever can stay does, by key, else the nearest cover that fits
            ready = ready or {face: self._last_resort(face, layer, stay) for face, stay in waiting.items()}
            for face, offer in ready.items():
                self.cover[face][layer] = offer
                del waiting[face]

    def _staying(self, face: int, layer: int) -> tuple[int, ...] | None:
        """Return the layer's features that fit the earlier layers here; None where nothing must change."""
        here = self.cover[face][layer]
        before = self._before(face, layer)
        if not here:
            fits = all(self._reaches_beyond(face, other, layer) for other in before)
            return None if fits else ()
        open_layers = [earlier for earlier in range(layer) if not self.cover[face][earlier]]
        stay = tuple(
            feature
            for feature in here
            if (face, feature) in self.held
            or (
                all(self.known.meet(other, feature) for other in before)
                and all(self._reaches_beyond(face, feature, earlier) for earlier in open_layers)
            )
        )
        return None if stay == here and self._agree(face, stay) else stay

    def _best_offer(
        self, face: int, layer: int, stay: tuple[int, ...], waiting: dict[int, tuple[int, ...]]
    ) -> tuple[int, ...] | None:
        """Return the cover offered along the longest border by neighbours that do not wait themselves."""
        border: dict[tuple[int, ...], float] = defaultdict(float)
        for neighbour, length in self.near[face]:
            if neighbour not in waiting:
                border[self.cover[neighbour][layer]] += length
        fitting = [offer for offer in border if self._fits(face, layer, stay, offer)]
        return min(fitting, key=lambda offer: (-round(border[offer], _LENGTH_DIGITS), offer), default=None)

    def _fits(self, face: int, layer: int, stay: tuple[int, ...], offer: tuple[int, ...]) -> bool:
        """Tell whether a neighbour's cover can be taken over here."""
        here = self.cover[face][layer]
        if stay:
            must_stay = {feature for feature in stay if (face, feature) in self.held}
            return bool(offer) and must_stay <= set(offer) <= set(stay)
        if offer == here or set(offer) & set(here):
            return False
        before = self._before(face, layer)
        if not offer:
            return all((other, layer) in self.known.beyond for other in before)
        open_layers = [earlier for earlier in range(layer) if not self.cover[face][earlier]]
        return all(self.known.meet(other, feature) for other in before for feature in offer) and all(
            (feature, earlier) in self.known.beyond for earlier in open_layers for feature in offer
        )

    def _last_resort(self, face: int, layer: int, stay: tuple[int, ...]) -> tuple[int, ...]:
        """Return those who can stay together, by key; else the nearest cover that fits, within the tolerance."""
        if stay:
            return self._first_agreeing(face, stay)
        offers: dict[tuple[int, ...], float] = {}
        for other, distance in self.ground.nearby(face, self.known.tolerance):
            cover = self.cover[other] if other in self.cover else self.ground.cover(other)
            if cover[layer] and self._fits(face, layer, stay, cover[layer]):
                offers[cover[layer]] = min(distance, offers.get(cover[layer], distance))
        return min(offers, key=lambda offer: (round(offers[offer], _LENGTH_DIGITS), offer), default=())

    def _first_agreeing(self, face: int, stay: tuple[int, ...]) -> tuple[int, ...]:
        """Return the features that can stay together: the held ones, then by key as long as all agree."""
        chosen: list[int] = [feature for feature in stay if (face, feature) in self.held]
        for feature in stay:
            if feature not in chosen and all(self.known.meet(other, feature) for other in chosen):
                chosen.append(feature)
        return tuple(sorted(chosen))

    def _agree(self, face: int, features: tuple[int, ...]) -> bool:
        """Tell whether features of one layer may cover the face together."""
        return all(
            self.known.meet(one, other) or {(face, one), (face, other)} & self.held
            for one, other in combinations(features, 2)
        )

    def _before(self, face: int, layer: int) -> tuple[int, ...]:
        """Return the features of earlier layers that cover the face now."""
        return tuple(feature for covers in self.cover[face][:layer] for feature in covers)

    def _reaches_beyond(self, face: int, feature: int, layer: int) -> bool:
        """Tell whether a feature truly lies outside a layer here; on ground given up lately, anywhere."""
        if self.ground.has_layer[face, layer]:
            return (feature, layer) in self.known.beyond
        return (face, feature, layer) not in self.known.lost


def _pairs(
    ground: Ground, sure: NDArray[np.bool_], erosion: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs of features that meet, and the faces that hold a pair that does not."""
    size = len(ground.keys)
    first, second = _within_groups(ground.starts)
    face = ground.face[first]
    pair = ground.feature[first] * size + ground.feature[second]
    meeting = _distinct(pair[sure[face]])
    open_question = ~_among(pair, meeting)
    asked, group = np.unique(pair[open_question], return_inverse=True)
    common = parts.joined(ground.faces[face[open_question]], group, len(asked))
    meeting = np.union1d(meeting, asked[parts.survives(common, erosion)])
    apart = _distinct(face[~_among(pair, meeting)])
    return np.stack(np.divmod(meeting, size), axis=1), apart


def _residuals(
    ground: Ground, sure: NDArray[np.bool_], erosion: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return (feature, layer) that truly lie apart somewhere, and the lost (face, feature, layer)."""
    entry, layer = np.nonzero(~ground.has_layer[ground.face])
    face, feature = ground.face[entry], ground.feature[entry]
    wide = sure[face]
    beyond = [feature[wide] * len(ground.layers) + layer[wide]]
    face_n, feature_n, layer_n = face[~wide], feature[~wide], layer[~wide]
    piece, anchored = _pieces(ground, sure, face_n, feature_n, layer_n)
    passes = anchored.copy()
    asked = np.flatnonzero(~anchored)
    member = ~anchored[piece]
    shapes = parts.joined(ground.faces[face_n[member]], np.searchsorted(asked, piece[member]), len(asked))
    passes[asked] = parts.survives(shapes, erosion)
    good = passes[piece]
    beyond.append(feature_n[good] * len(ground.layers) + layer_n[good])
    lost = np.stack([face_n[~good], feature_n[~good], layer_n[~good]], axis=1)
    code = _distinct(np.concatenate(beyond))
    return np.stack(np.divmod(code, len(ground.layers)), axis=1), lost


def _pieces(
    ground: Ground,
    sure: NDArray[np.bool_],
    face: NDArray[np.intp],
    feature: NDArray[np.intp],
    layer: NDArray[np.intp],
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Join narrow residual faces of one feature and layer to pieces; tell which touch a wide face of the same."""
    i, j, _ = ground.borders
    inner = i >= 0
    start = np.concatenate([i[inner], j[inner]])
    end = np.concatenate([j[inner], i[inner]])
    order = np.argsort(start, kind="stable")
    start, end = start[order], end[order]
    # every residual looks across every border of its face
    low, high = np.searchsorted(start, face), np.searchsorted(start, face, side="right")
    node = np.repeat(np.arange(len(face)), high - low)
    offset = np.arange(len(node)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
    beside = end[low[node] + offset]
    same = _covers(ground, beside, feature[node]) & ~ground.has_layer[beside, layer[node]]
    node, beside = node[same], beside[same]
    across = sure[beside]
    code = (face * len(ground.keys) + feature) * len(ground.layers) + layer
    target = (beside[~across] * len(ground.keys) + feature[node[~across]]) * len(ground.layers) + layer[node[~across]]
    order = np.argsort(code)
    other = order[np.searchsorted(code, target, sorter=order)]
    graph = coo_array((np.ones(len(other), dtype=np.int8), (node[~across], other)), shape=(len(face), len(face)))
    count, piece = connected_components(graph, directed=False)
    anchored = np.zeros(count, dtype=np.bool_)
    anchored[piece[node[across]]] = True
    return piece.astype(np.intp), anchored


def _covers(ground: Ground, face: NDArray[np.intp], feature: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell which features cover which faces as drawn."""
    # faces come in order, and features within a face: the codes are sorted
    known = ground.face * len(ground.keys) + ground.feature
    return _among(face * len(ground.keys) + feature, known)


def _distinct(codes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the different codes, sorted; faster by a multiple than hashing where many are equal."""
    ordered = np.sort(codes)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def _among(codes: NDArray[np.intp], known: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell which codes are among sorted ones."""
    if len(known) == 0:
        return np.zeros(len(codes), dtype=np.bool_)
    place = np.searchsorted(known, codes)
    return np.asarray(known[np.minimum(place, len(known) - 1)] == codes)


def _within_groups(starts: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return all pairs of positions p < q inside each run."""
    end = np.repeat(starts[1:], np.diff(starts))
    position = np.arange(len(end))
    followers = end - position - 1
    first = np.repeat(position, followers)
    rank = np.arange(len(first)) - np.repeat(np.cumsum(followers) - followers, followers)
    return first, first + 1 + rank


def _neighbours(ground: Ground, faces: tuple[int, ...]) -> dict[int, list[tuple[int, float]]]:
    """Return the neighbours of each sliver and the lengths of their common borders, m."""
    near: dict[int, list[tuple[int, float]]] = {face: [] for face in faces}
    for i, j, length in zip(*(array.tolist() for array in ground.borders), strict=True):
        if i in near:
            near[i].append((j, length))
        if j in near:
            near[j].append((i, length))
    return near


def _vanished(ground: Ground, cover: dict[int, Cover]) -> list[int]:
    """Return the features that no face is left to."""
    drawn = np.bincount(ground.feature, minlength=len(ground.keys))
    left = drawn.copy()
    for face, layers in cover.items():
        left[ground.feature[ground.starts[face] : ground.starts[face + 1]]] -= 1
        left[[feature for features in layers for feature in features]] += 1
    return [int(feature) for feature in np.flatnonzero((drawn > 0) & (left == 0))]


def _largest_tuple(ground: Ground, feature: int) -> list[tuple[int, int]]:
    """Return the faces of the feature's largest cover as (face, feature), ties by key."""
    size: dict[Cover, list[int]] = defaultdict(list)
    for face in ground.face[ground.feature == feature].tolist():
        size[ground.cover(face)].append(face)
    cover = min(size, key=lambda label: (-float(ground.area_m2[size[label]].sum()), label))
    return [(face, feature) for face in size[cover]]
