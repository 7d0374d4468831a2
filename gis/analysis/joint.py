"""Joint ground: which features of three layers and more truly meet, all of them at once.

Pairs that meet elsewhere do not make a tuple: block and unit, unit and project, block and project may each share wide
ground, and all three no more than a strip. Invariant: a tuple, one feature a layer, meets if and only if a set of
features that are known to share wide ground holds all its features. Such sets are the covers that are clearly wide
somewhere, and the features in common to all the covers that make up ground that was asked about, all of that ground at
once: what a line of another layer cuts into strips may be wide. Guarded by `tests/unit/analysis/test_joint.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gis.analysis.groups import Groups
from gis.analysis.wide_sets import LEAST, WideSets, holds, indexed, meet, name_of, rarest_of
from gis.analysis.widths import FEATURES, KNOWN, clear, take
from gis.compiled import Flags, Floats, Ints, Places, inlined, kernel, lean
from gis.geometry import keyed
from gis.geometry.faces import Faces
from gis.geometry.tally import longer, longer_rows

# who is asked about and what is known of the ground, as in `gis.analysis.widths`, to an answer each
Asked = Callable[[Ints, Floats], Flags]


class _Covers(NamedTuple):
    """Hold covers as kernels take them.

    Parameters
    ----------
    start, member
        Where each group begins in `member`, and its features.
    of
        The group of each cover (row) in each layer (column), 0 for nobody.
    """

    start: Ints
    member: Places
    of: Places


class _Grounds(NamedTuple):
    """Hold the grounds that questions are about.

    Parameters
    ----------
    of, first
        The ground of each question, and the first question of each ground.
    known
        What is known of each ground, as `take` wrote it down.
    start, member
        Where each ground begins in `member`, and the features that all of it has in common, sorted.
    """

    of: Ints
    first: Ints
    known: Floats
    start: Ints
    member: Places


class _Strips(NamedTuple):
    """Hold the covers that are clearly wide nowhere, and their faces.

    Parameters
    ----------
    covers
        Where each feature begins among the covers with it, and all the covers and their features.
    face_start, face
        Where each cover begins in `face`, and its faces.
    area, place, box
        Measures of all faces, a point inside each, and west, south, east and north of each.
    """

    covers: WideSets
    face_start: Ints
    face: Ints
    area: Floats
    place: Floats
    box: Floats


def joint(
    faces: Faces,
    groups: Groups,
    features: int,
    sure: Flags,
    apart: Flags,
    together: Ints,
    asked: Asked,
    run: Callable[[object], Callable],
) -> tuple[WideSets, Flags]:
    """Decide which features of three layers and more meet.

    Parameters
    ----------
    faces
        Faces, their covers and neighbours.
    groups
        Who covers ground together.
    features
        Number of features.
    sure
        Whether each face is clearly wide.
    apart
        Whether each cover holds a pair that does not meet.
    together
        Table of the pairs that meet (first times `features` plus second).
    asked
        Answers whether ground is wide, from who is asked about and what is known of the ground.
    run
        Says how a kernel is to be run.

    Returns
    -------
    tuple
        Who meets, and whether each cover holds a tuple that does not.
    """
    layers = groups.of.shape[1]
    # the ground of fewer layers holds no tuple
    enough, clearly = np.count_nonzero(groups.of, axis=1) >= LEAST, np.zeros(len(groups.of), dtype=np.bool_)
    if not sure.all():
        clearly[faces.cover[sure]] = True
        clearly &= enough
    known = indexed(clearly, faces.cover_start, faces.member, run(keyed.table)(1), features, layers, run)
    narrow = np.flatnonzero(~sure & (enough & ~clearly)[faces.cover])
    if not len(narrow):
        return known, np.zeros(len(clearly), dtype=np.bool_)
    covers, strips = _Covers(groups.start, groups.member, groups.of), _strips(faces, narrow, features, layers, run)
    thin = np.diff(strips.face_start) > 0

    def after(known: WideSets, what: Ints, name: Ints) -> WideSets:
        return _after(known, clearly, what, name, run(_grounds)(what, strips), asked, run)

    what, name, doubted = run(_asked)(covers, known, thin & ~apart, False, together, features)
    known = after(known, what, name)
    _, _, torn = run(_asked)(covers, known, doubted, False, together, features)
    # those who can't stay together may yet do so without one of them
    what, name, _ = run(_asked)(covers, known, torn | (thin & apart), True, together, features)
    return after(known, what, name), torn


def _strips(
    faces: Faces, narrow: NDArray[np.intp], features: int, layers: int, run: Callable[[object], Callable]
) -> _Strips:
    """Lay out the faces that are narrow and whose cover is nowhere clearly wide, cover by cover."""
    count = np.bincount(faces.cover[narrow], minlength=len(faces.cover_start) - 1)
    return _Strips(
        indexed(count > 0, faces.cover_start, faces.member, run(keyed.table)(1), features, layers, run),
        np.concatenate([[0], np.cumsum(count)]),
        narrow[np.argsort(faces.cover[narrow], kind="stable")],
        faces.area_m2,
        faces.place,
        faces.box,
    )


def _after(
    known: WideSets,
    clearly: Flags,
    what: Ints,
    name: Ints,
    ground: _Grounds,
    asked: Asked,
    run: Callable[[object], Callable],
) -> WideSets:
    """Ask whether ground is wide; return what is known of the tuples then."""
    yes = asked(what[ground.first], ground.known)
    sizes = np.diff(ground.start)
    set_start = np.concatenate([known.set_start, known.set_start[-1] + np.cumsum(sizes[yes])])
    return indexed(
        np.concatenate([clearly, np.ones(len(set_start) - 1 - len(clearly), dtype=np.bool_)]),
        set_start,
        np.concatenate([known.member, ground.member[np.repeat(yes, sizes)]]),
        run(keyed.added)(known.narrow, name[~yes[ground.of]]),
        len(known.start) - 1,
        len(known.chosen),
        run,
    )


@inlined
def _largest(covers: _Covers, cover: int) -> tuple[int, int]:
    """Return the layer with most features on a cover, and how many layers have any."""
    largest, most, layers = 0, 0, 0
    for layer in range(covers.of.shape[1]):
        group = covers.of[cover, layer]
        if group != 0:
            layers += 1
            size = covers.start[group + 1] - covers.start[group]
            if size > most:
                largest, most = layer, size
    return largest, layers


@inlined
def _choices(covers: _Covers, cover: int, but: int, parts: bool) -> int:
    """Return in how many ways one feature of each layer of a cover but one can be taken, or of some of its layers."""
    count = 1
    for layer in range(covers.of.shape[1]):
        group = covers.of[cover, layer]
        if group != 0 and layer != but:
            count *= covers.start[group + 1] - covers.start[group] + parts
    return count


@inlined
def _choose(covers: _Covers, cover: int, choice: int, but: int, parts: bool, chosen: Places) -> int:
    """Write down the features of a choice; return how many there are."""
    left, count = choice, 0
    for layer in range(covers.of.shape[1]):
        group = covers.of[cover, layer]
        if group != 0 and layer != but:
            size = covers.start[group + 1] - covers.start[group]
            digit = left % (size + parts)
            left //= size + parts
            if digit < size:
                chosen[count] = covers.member[covers.start[group] + digit]
                count += 1
    return count


@lean
def _mark(known: WideSets, count: int, features: Places, met: Flags) -> None:
    """Tell which of some features of one layer, sorted, meet those that are chosen from others."""
    for n in range(len(features)):
        met[n] = False
    rarest, left = rarest_of(known, count), len(features)
    for at in range(known.start[rarest], known.start[rarest + 1]):
        one = known.wide[at]
        if not holds(known, one, count):
            continue
        k, n = known.set_start[one], 0
        while k < known.set_start[one + 1] and n < len(features):
            if known.member[k] == features[n]:
                left -= not met[n]
                met[n] = True
            if known.member[k] <= features[n]:
                k += 1
            else:
                n += 1
        if left == 0:
            return


@lean
def _agree(together: Ints, features: int, chosen: Places, count: int) -> bool:
    """Tell whether all pairs of the features chosen meet."""
    for i in range(count):
        for j in range(i + 1, count):
            if not keyed.has(together, np.int64(chosen[i]) * features + chosen[j]):
                return False
    return True


@lean
def _put_in(chosen: Places, count: int, feature: int) -> int:
    """Put a feature among those chosen, which are sorted; return where it stands."""
    n = count
    while n > 0 and chosen[n - 1] > feature:
        chosen[n] = chosen[n - 1]
        n -= 1
    chosen[n] = feature
    return n


@lean
def _take_out(chosen: Places, count: int, place: int) -> None:
    """Take a feature out from among those chosen."""
    for n in range(place, count - 1):
        chosen[n] = chosen[n + 1]


@kernel
def _asked(
    covers: _Covers, known: WideSets, these: Flags, parts: bool, together: Ints, features: int
) -> tuple[Ints, Ints, Flags]:
    """Return the tuples of some covers that no set holds and nobody asked about, their names, and who has any."""
    layers, chosen = covers.of.shape[1], known.chosen
    what, name, count = np.full((1024, layers + FEATURES), -1, dtype=np.int64), np.empty(1024, dtype=np.int64), 0
    table = keyed.table(1024)
    doubted, met = np.zeros(len(these), dtype=np.bool_), np.empty(64, dtype=np.bool_)
    for cover in range(len(these)):
        but, whole = _largest(covers, cover) if these[cover] else (0, 0)
        if whole < LEAST:
            continue
        group = covers.of[cover, but]
        others = covers.member[covers.start[group] : covers.start[group + 1]]
        if len(others) > len(met):
            met = np.empty(2 * len(others), dtype=np.bool_)
        for choice in range(_choices(covers, cover, but, parts)):
            size = _choose(covers, cover, choice, but, parts, chosen)
            if size + 1 < LEAST or (parts and not _agree(together, features, chosen, size)):
                continue
            _mark(known, size, others, met)
            # the last one is nobody: the choice as it is
            for n in range(len(others) + (parts and size >= LEAST and not meet(known, size))):
                if n < len(others) and met[n]:
                    continue
                taken, place = (size + 1, _put_in(chosen, size, others[n])) if n < len(others) else (size, size)
                if not parts or _agree(together, features, chosen, taken):
                    doubted[cover] = True
                    key = name_of(chosen, taken)
                    slot = keyed.place(table, key)
                    if table[slot] < 0 and not keyed.has(known.narrow, key):
                        if count == len(what):
                            what, name = longer_rows(what, 2 * count), longer(name, 2 * count)
                            what[count:] = -1
                        table[slot] = name[count] = key
                        what[count, FEATURES : FEATURES + taken] = chosen[:taken]
                        count += 1
                        if 2 * count > len(table):
                            table = keyed.larger(table)
                _take_out(chosen, taken, place)
    return what[:count].copy(), name[:count].copy(), doubted


@kernel
def _grounds(what: Ints, strips: _Strips) -> _Grounds:
    """Return the grounds that tuples are asked about: those of the same covers are one, with one answer."""
    covers, chosen = strips.covers, strips.covers.chosen
    names, of, count = keyed.table(1024), np.empty(len(what), dtype=np.int64), 0
    numbers = np.empty(len(names), dtype=np.int64)
    first, known = np.empty(1024, dtype=np.int64), np.empty((1024, KNOWN))
    start, member = np.zeros(1025, dtype=np.int64), np.empty(4096, dtype=np.int32)
    here = np.empty(64, dtype=np.int32)
    for question in range(len(what)):
        size, found = 0, 0
        for column in range(FEATURES, what.shape[1]):
            if what[question, column] >= 0:
                chosen[size] = what[question, column]
                size += 1
        rarest = rarest_of(covers, size)
        for n in range(covers.start[rarest], covers.start[rarest + 1]):
            if holds(covers, covers.wide[n], size):
                if found == len(here):
                    here = longer(here, 2 * found)
                here[found] = covers.wide[n]
                found += 1
        name = name_of(here, found)
        slot = keyed.place(names, name)
        if names[slot] < 0:
            names[slot], numbers[slot] = name, count
            if count == len(first):
                first, start = longer(first, 2 * count), longer(start, 2 * count + 1)
                known = longer_rows(known, 2 * count)
            first[count] = question
            clear(known, count)
            for cover in here[:found]:
                for k in range(strips.face_start[cover], strips.face_start[cover + 1]):
                    take(known, count, strips.face[k], strips.area, strips.place, strips.box)
            most = covers.set_start[here[0] + 1] - covers.set_start[here[0]]
            if start[count] + most > len(member):
                member = longer(member, 2 * (len(member) + most))
            start[count + 1] = start[count] + _in_common(covers, here, found, member, start[count])
            of[question] = count
            count += 1
            if 2 * count > len(names):
                names, numbers = keyed.larger_with(names, numbers)
        else:
            of[question] = numbers[slot]
    return _Grounds(
        of, first[:count].copy(), known[:count].copy(), start[: count + 1].copy(), member[: start[count]].copy()
    )


@lean
def _in_common(covers: WideSets, here: Places, found: int, common: Places, begin: int) -> int:
    """Write down the features that some covers have in common, sorted; return how many there are."""
    size = 0
    for n in range(covers.set_start[here[0]], covers.set_start[here[0] + 1]):
        common[begin + size] = covers.member[n]
        size += 1
    for k in range(1, found):
        n, end, kept = covers.set_start[here[k]], covers.set_start[here[k] + 1], 0
        for m in range(size):
            feature = common[begin + m]
            while n < end and covers.member[n] < feature:
                n += 1
            if n < end and covers.member[n] == feature:
                common[begin + kept] = feature
                kept += 1
        size = kept
    return size
