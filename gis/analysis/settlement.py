"""Settlement: who receives the slivers.

A face whose cover holds features that do not meet is a sliver and is settled layer by layer, in order of precedence.
The layer named first keeps its ground. Of a later layer, features that meet all earlier ones, each of them and all
together, stay; if none does, the face takes the cover of the neighbour with the longest common border that fits, ties
by key. Faces without such a neighbour wait until a neighbour is settled; then the cover nearest through other slivers
serves, and where there is none the ground belongs to no feature of the layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gis.analysis.groups import Groups, compared
from gis.analysis.ties import Ties
from gis.analysis.wide_sets import WideSets, meet
from gis.compiled import Flags, Floats, Ints, Places, kernel, lean
from gis.geometry import keyed
from gis.geometry.faces import Faces

# borders equal to the micrometre are equal: the key decides, not the last bit
_MICRO = 1e6
# how many slivers deep a last resort is looked for
_DEEP = 4
_NOBODY, _AS_IT_IS, _NONE_FITS = 0, -2, -1
# entries of _Case.size: how many groups there are, and how many members they have in all
_GROUPS, _MEMBERS = range(2)


@dataclass(frozen=True)
class Settlement:
    """Say how the slivers were settled.

    Parameters
    ----------
    groups
        Who covers ground together, before and after.
    now
        The group of each face (row) in each layer (column) after settling.
    kept
        Features that would have vanished and keep their largest tuple, sorted.
    """

    groups: Groups
    now: Places
    kept: tuple[int, ...]


class _Case(NamedTuple):
    """Hold what a settlement looks at and, in `now`, `waits` and the groups, what it changes."""

    now: Places
    waits: Flags
    slivers: Ints
    is_sliver: Flags
    drawn: Flags
    near_start: Ints
    near: Places
    near_m: Floats
    start: Ints
    member: Places
    size: Ints
    together: Ints
    joint: WideSets
    beyond: Flags
    lost: Ints
    held: Ints


def settle(faces: Faces, known: Ties, run: Callable[[object], Callable]) -> Settlement:
    """Give every sliver to those who truly meet there.

    Parameters
    ----------
    faces
        Faces, their covers and neighbours.
    known
        Who meets whom.
    run
        Says how a kernel is to be run.

    Returns
    -------
    Settlement
    """
    drawn = known.groups.of[faces.cover]
    if not known.slivers.any():
        return Settlement(known.groups, drawn, ())
    held: set[tuple[int, int]] = set()
    while True:
        case = _case(faces, known, drawn, held, run)
        run(_settle)(case)
        groups = Groups(case.start[: case.size[_GROUPS] + 1], case.member[: case.size[_MEMBERS]], known.groups.of)
        vanished = _vanished(known.groups, drawn, groups, case.now)
        if not len(vanished):
            return Settlement(groups, case.now, tuple(sorted({feature for _, feature in held})))
        held.update(pair for feature in vanished for pair in _largest_tuple(faces, known.groups, drawn, feature))


def _case(
    faces: Faces,
    known: Ties,
    drawn: Places,
    held: set[tuple[int, int]],
    run: Callable[[object], Callable],
) -> _Case:
    """Lay out the arrays of a settlement."""
    features = len(known.beyond)
    slivers = np.flatnonzero(known.slivers)
    groups = known.groups
    # a sliver can keep some of a group, twice in each layer: that much room and no more
    sizes = 2 * np.diff(groups.start)[drawn[slivers]].sum()
    start = np.concatenate([groups.start, np.zeros(2 * slivers.size * drawn.shape[1] + 1, dtype=np.int64)])
    member = np.concatenate([groups.member, np.zeros(sizes + 1, dtype=np.int32)])
    keys = np.array([face * features + feature for face, feature in sorted(held)], dtype=np.int64)
    return _Case(
        now=drawn.copy(),
        waits=np.zeros(len(drawn), dtype=np.bool_),
        slivers=slivers,
        is_sliver=known.slivers,
        drawn=drawn > 0,
        near_start=faces.near_start,
        near=faces.near,
        near_m=faces.near_m,
        start=start,
        member=member,
        size=np.array([len(groups.start) - 1, len(groups.member)]),
        together=known.together,
        joint=known.joint,
        beyond=known.beyond,
        lost=known.lost,
        held=run(keyed.filled)(keys),
    )


def _vanished(before: Groups, drawn: Places, after: Groups, now: Places) -> NDArray[np.intp]:
    """Return the features that no face is left to."""
    changed = (drawn != now).any(axis=1)
    # only who lost something can have lost everything
    lost = _present(before, drawn[changed])
    return np.flatnonzero(lost & ~_present(after, now)) if changed.any() else np.empty(0, dtype=np.intp)


def _present(groups: Groups, of: Places) -> Flags:
    """Tell which features are in the groups of some faces."""
    used = np.zeros(len(groups.start) - 1, dtype=bool)
    used[of.ravel()] = True
    there = np.zeros(int(groups.member.max(initial=-1)) + 1, dtype=bool)
    there[groups.member[np.repeat(used, np.diff(groups.start))]] = True
    return there


def _largest_tuple(faces: Faces, groups: Groups, drawn: Places, feature: int) -> list[tuple[int, int]]:
    """Return the faces of the feature's largest cover as (face, feature), ties by key."""
    covers = np.repeat(np.arange(len(faces.cover_start) - 1), np.diff(faces.cover_start))[faces.member == feature]
    own = np.flatnonzero(np.isin(faces.cover, covers))
    total = {cover: float(faces.area_m2[own[faces.cover[own] == cover]].sum()) for cover in covers.tolist()}

    def label(cover: int) -> list[list[int]]:
        return [groups.member[groups.start[n] : groups.start[n + 1]].tolist() for n in groups.of[cover]]

    best = min(total, key=lambda cover: (-total[cover], label(cover)))
    return [(int(face), feature) for face in own[faces.cover[own] == best]]


@kernel
def _settle(case: _Case) -> None:
    """Settle all slivers, layer by layer; earlier layers are final."""
    layers = case.now.shape[1]
    offers = np.empty(len(case.slivers), dtype=np.int64)
    for layer in range(layers):
        left = 0
        stays = np.zeros(len(case.slivers), dtype=np.int64)
        for n in range(len(case.slivers)):
            face = case.slivers[n]
            stay = _staying(case, face, layer)
            if stay == _AS_IT_IS:
                continue
            if stay != _NOBODY and _agree(case, face, stay):
                case.now[face, layer] = stay
            else:
                stays[n] = stay
                case.waits[face] = True
                left += 1
        while left:
            ready = 0
            for n in range(len(case.slivers)):
                if case.waits[case.slivers[n]]:
                    offers[n] = _best_offer(case, case.slivers[n], layer, stays[n])
                    ready += offers[n] != _NONE_FITS
            if ready == 0:
                # no neighbour fits any more: whoever can stay does, by key, else the nearest cover that fits
                for n in range(len(case.slivers)):
                    if case.waits[case.slivers[n]]:
                        offers[n] = _last_resort(case, case.slivers[n], layer, stays[n])
            for n in range(len(case.slivers)):
                face = case.slivers[n]
                if case.waits[face] and offers[n] != _NONE_FITS:
                    case.now[face, layer] = offers[n]
                    case.waits[face] = False
                    left -= 1


@lean
def _meet(case: _Case, one: int, other: int) -> bool:
    """Tell whether two features meet; a feature meets itself."""
    if one == other:
        return True
    features = len(case.beyond)
    return keyed.has(case.together, np.int64(min(one, other)) * features + max(one, other))


@lean
def _holds(case: _Case, face: int, feature: int) -> bool:
    """Tell whether a feature must keep a face."""
    return keyed.has(case.held, np.int64(face) * len(case.beyond) + feature)


@lean
def _reaches_beyond(case: _Case, face: int, feature: int, layer: int) -> bool:
    """Tell whether a feature truly lies outside a layer here; on ground given up lately, anywhere."""
    if case.drawn[face, layer]:
        return case.beyond[feature, layer]
    layers = case.now.shape[1]
    key = (np.int64(face) * layers + layer) * len(case.beyond) + feature
    return not keyed.has(case.lost, key)


@lean
def _fits_before(case: _Case, face: int, feature: int, layer: int) -> bool:
    """Tell whether a feature meets all earlier ones on a face and truly lies outside the layers open there."""
    for earlier in range(layer):
        group = case.now[face, earlier]
        if group == _NOBODY and not _reaches_beyond(case, face, feature, earlier):
            return False
        for n in range(case.start[group], case.start[group + 1]):
            if not _meet(case, case.member[n], feature):
                return False
    return _all_meet(case, face, feature, layer)


@lean
def _all_meet(case: _Case, face: int, feature: int, layer: int) -> bool:
    """Tell whether a feature has wide ground in common with every choice of one feature from each earlier layer."""
    choices, chosen = 1, case.joint.chosen
    for earlier in range(layer):
        group = case.now[face, earlier]
        if group != _NOBODY:
            choices *= case.start[group + 1] - case.start[group]
    for choice in range(choices):
        left, count = choice, 0
        for earlier in range(layer):
            group = case.now[face, earlier]
            if group != _NOBODY:
                size = case.start[group + 1] - case.start[group]
                chosen[count] = case.member[case.start[group] + left % size]
                left //= size
                count += 1
        chosen[count] = feature
        if not meet(case.joint, count + 1):
            return False
    return True


@lean
def _staying(case: _Case, face: int, layer: int) -> int:
    """Return the group of the layer's features that fit the earlier layers here, or that nothing must change."""
    here = case.now[face, layer]
    if here == _NOBODY:
        for earlier in range(layer):
            group = case.now[face, earlier]
            for n in range(case.start[group], case.start[group + 1]):
                if not _reaches_beyond(case, face, case.member[n], layer):
                    return _NOBODY
        return _AS_IT_IS
    begin, end = case.start[here], case.start[here + 1]
    new = case.size[_GROUPS]
    at = case.start[new]
    for n in range(begin, end):
        feature = case.member[n]
        if _holds(case, face, feature) or _fits_before(case, face, feature, layer):
            case.member[at] = feature
            at += 1
    kept = at - case.start[new]
    if kept == 0:
        return _NOBODY
    if kept == end - begin:
        return _AS_IT_IS if _agree(case, face, here) else here
    case.start[new + 1] = at
    case.size[_GROUPS], case.size[_MEMBERS] = new + 1, at
    return new


@lean
def _agree(case: _Case, face: int, group: int) -> bool:
    """Tell whether the features of a group may cover the face together."""
    for i in range(case.start[group], case.start[group + 1]):
        for j in range(i + 1, case.start[group + 1]):
            one, other = case.member[i], case.member[j]
            if not _meet(case, one, other) and not _holds(case, face, one) and not _holds(case, face, other):
                return False
    return True


@kernel
def _best_offer(case: _Case, face: int, layer: int, stay: int) -> int:
    """Return the group offered along the longest border by neighbours that do not wait themselves."""
    begin, end = case.near_start[face], case.near_start[face + 1]
    offer, border = np.empty(end - begin, dtype=np.int64), np.zeros(end - begin)
    count = 0
    for n in range(begin, end):
        if case.near[n] >= 0 and case.waits[case.near[n]]:
            continue
        group = case.now[case.near[n], layer] if case.near[n] >= 0 else _NOBODY
        count = _offered(case, offer, border, count, group, case.near_m[n])
    return _longest(case, face, layer, stay, offer, border, count)


@lean
def _offered(case: _Case, offer: Ints, border: Floats, count: int, group: int, length: float) -> int:
    """Add a border to the offers, one entry a group of the same members; return how many there are."""
    for k in range(count):
        if compared(case.start, case.member, offer[k], group) == 0:
            border[k] += length
            return count
    offer[count], border[count] = group, length
    return count + 1


@lean
def _longest(case: _Case, face: int, layer: int, stay: int, offer: Ints, border: Floats, count: int) -> int:
    """Return the fitting offer with the longest border, ties by key."""
    best, length = _NONE_FITS, -1.0
    for k in range(count):
        rounded = np.round(border[k] * _MICRO)
        if rounded < length or not _fits(case, face, layer, stay, offer[k]):
            continue
        if best == _NONE_FITS or rounded > length or compared(case.start, case.member, offer[k], best) < 0:
            best, length = offer[k], rounded
    return best


@lean
def _among(case: _Case, feature: int, group: int) -> bool:
    """Tell whether a feature is in a group."""
    n, end = case.start[group], case.start[group + 1]
    while n < end and case.member[n] != feature:
        n += 1
    return n < end


@lean
def _fits(case: _Case, face: int, layer: int, stay: int, offer: int) -> bool:
    """Tell whether a neighbour's group can be taken over here."""
    here = case.now[face, layer]
    if stay != _NOBODY:
        for n in range(case.start[stay], case.start[stay + 1]):
            if _holds(case, face, case.member[n]) and not _among(case, case.member[n], offer):
                return False
        for n in range(case.start[offer], case.start[offer + 1]):
            if not _among(case, case.member[n], stay):
                return False
        return offer != _NOBODY
    if offer == _NOBODY:
        return here != _NOBODY and _open_fits(case, face, layer)
    for n in range(case.start[offer], case.start[offer + 1]):
        feature = case.member[n]
        if _among(case, feature, here):
            return False
        for earlier in range(layer):
            group = case.now[face, earlier]
            if group == _NOBODY and not case.beyond[feature, earlier]:
                return False
            for k in range(case.start[group], case.start[group + 1]):
                if not _meet(case, case.member[k], feature):
                    return False
        if not _all_meet(case, face, feature, layer):
            return False
    return True


@lean
def _open_fits(case: _Case, face: int, layer: int) -> bool:
    """Tell whether all earlier features on a face truly reach ground that the layer leaves open."""
    for earlier in range(layer):
        group = case.now[face, earlier]
        for n in range(case.start[group], case.start[group + 1]):
            if not case.beyond[case.member[n], layer]:
                return False
    return True


@kernel
def _last_resort(case: _Case, face: int, layer: int, stay: int) -> int:
    """Return those who can stay together, by key; else the nearest group that fits, through slivers."""
    if stay != _NOBODY:
        return _first_agreeing(case, face, stay)
    seen = np.empty(64, dtype=np.int64)
    seen[0] = face
    count, begin = 1, 0
    for _ in range(_DEEP):
        end = count
        offer, border, offers = np.empty(256, dtype=np.int64), np.zeros(256), 0
        for k in range(begin, end):
            for n in range(case.near_start[seen[k]], case.near_start[seen[k] + 1]):
                other = case.near[n]
                if other < 0 or count == len(seen) or offers == len(offer) or (seen[:count] == other).any():
                    continue
                if case.now[other, layer] != _NOBODY:
                    offers = _offered(case, offer, border, offers, case.now[other, layer], case.near_m[n])
                if case.is_sliver[other]:
                    seen[count] = other
                    count += 1
        best = _longest(case, face, layer, stay, offer, border, offers)
        if best != _NONE_FITS:
            return best
        begin = end
    return _NOBODY


@kernel
def _first_agreeing(case: _Case, face: int, stay: int) -> int:
    """Return the features that can stay together: the held ones, then by key as long as all agree."""
    new = case.size[_GROUPS]
    begin = case.start[new]
    at = begin
    for held in (True, False):
        for n in range(case.start[stay], case.start[stay + 1]):
            feature = case.member[n]
            if _holds(case, face, feature) != held:
                continue
            agrees = True
            for k in range(begin, at):
                agrees = agrees and (held or _meet(case, case.member[k], feature))
            if agrees:
                case.member[at] = feature
                at += 1
    case.member[begin:at] = np.sort(case.member[begin:at])
    case.start[new + 1] = at
    case.size[_GROUPS], case.size[_MEMBERS] = new + 1, at
    return new
