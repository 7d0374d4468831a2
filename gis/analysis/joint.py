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

from gis.analysis.groups import Groups
from gis.analysis.strips import Strips
from gis.analysis.wide_sets import LEAST, Sets, WideSets, holds, indexed, meet, name_of, rarest_of
from gis.analysis.widths import FEATURES, KNOWN, clear, take
from gis.compiled import Flags, Floats, Ints, Places, inlined, kernel, lean
from gis.geometry import keyed
from gis.geometry.tally import longer, longer_rows

# who is asked about and what is known of the ground, as in `gis.analysis.widths`, to an answer each
Asked = Callable[[Ints, Floats], Flags]


class _Questions(NamedTuple):
    """Hold the tuples that are asked about.

    Parameters
    ----------
    what, name
        Who is asked about, as in `gis.analysis.widths`, and the name of each tuple.
    cover, question
        Each cover with each tuple that it holds and that is asked about: the cover, and the position of the question.
    """

    what: Ints
    name: Ints
    cover: Ints
    question: Ints


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


def joint(
    groups: Groups,
    wide: Sets,
    strips: Strips,
    apart: Flags,
    together: Ints,
    features: int,
    asked: Callable[[Ints, Floats], Flags],
    run: Callable[[object], Callable],
) -> tuple[WideSets, Flags]:
    """Decide which features of three layers and more meet.

    Parameters
    ----------
    groups
        Who covers ground together.
    wide, strips
        The covers that are clearly wide somewhere, and the others.
    apart
        Whether each cover holds a pair that does not meet.
    together
        Table of the pairs that meet (first times `features` plus second).
    features
        Number of features.
    asked
        Answers whether ground is wide, from who is asked about and what is known of the ground.
    run
        Says how a kernel is to be run.

    Returns
    -------
    tuple
        Who meets, and whether each cover holds a tuple that does not.
    """
    none = indexed(np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int32), features, run)
    last, chosen = np.full(1, -1, dtype=np.int32), np.empty(groups.of.shape[1], dtype=np.int32)
    known = WideSets(wide, none, run(keyed.table)(1), last, chosen)
    thin, torn = np.diff(strips.face_start) > 0, np.zeros(len(groups.of), dtype=np.bool_)
    if not thin.any():
        return known, torn
    these = run(_asked)(groups, known, thin & ~apart, False, together, features)
    known, yes = _after(known, these, strips, asked, run)
    torn[these.cover[~yes[these.question]]] = True
    # those who can't stay together may yet do so without one of them
    these = run(_asked)(groups, known, torn | (thin & apart), True, together, features)
    return _after(known, these, strips, asked, run)[0], torn


def _after(
    known: WideSets,
    questions: _Questions,
    strips: Strips,
    asked: Callable[[Ints, Floats], Flags],
    run: Callable[[object], Callable],
) -> tuple[WideSets, Flags]:
    """Ask whether ground is wide; return what is known of the tuples then, and the answers."""
    ground = run(_grounds)(questions.what, strips, known.chosen)
    wide = asked(questions.what[ground.first], ground.known)
    sizes, found = np.diff(ground.start), known.found
    set_start = np.concatenate([found.set_start, found.set_start[-1] + np.cumsum(sizes[wide])])
    member = np.concatenate([found.member, ground.member[np.repeat(wide, sizes)]])
    yes = wide[ground.of]
    found = indexed(set_start, member, len(found.start) - 1, run)
    return known._replace(found=found, narrow=run(keyed.added)(known.narrow, questions.name[~yes])), yes


@inlined
def _largest(covers: Groups, cover: int) -> tuple[int, int]:
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
def _choices(covers: Groups, cover: int, but: int, parts: bool) -> int:
    """Return in how many ways one feature of each layer of a cover but one can be taken, or of some of its layers."""
    count = 1
    for layer in range(covers.of.shape[1]):
        group = covers.of[cover, layer]
        if group != 0 and layer != but:
            count *= covers.start[group + 1] - covers.start[group] + parts
    return count


@inlined
def _choose(covers: Groups, cover: int, choice: int, but: int, parts: bool, chosen: Places) -> int:
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
    left = _mark_by(known.covers, known.chosen, count, features, len(features), met)
    _mark_by(known.found, known.chosen, count, features, left, met)


@lean
def _mark_by(sets: Sets, chosen: Places, count: int, features: Places, left: int, met: Flags) -> int:
    """Mark those of some features that a set holds with all that are chosen; return how many are left unmarked."""
    rarest = rarest_of(sets, chosen, count)
    for at in range(sets.start[rarest], sets.start[rarest + 1]):
        one = sets.having[at]
        if left == 0:
            break
        if not holds(sets, one, chosen, count):
            continue
        k, n = sets.set_start[one], 0
        while k < sets.set_start[one + 1] and n < len(features):
            if sets.member[k] == features[n]:
                left -= not met[n]
                met[n] = True
            if sets.member[k] <= features[n]:
                k += 1
            else:
                n += 1
    return left


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
def _asked(covers: Groups, known: WideSets, these: Flags, parts: bool, together: Ints, features: int) -> _Questions:
    """Return the tuples of some covers that no set holds and nobody asked about."""
    layers, chosen = covers.of.shape[1], known.chosen
    what, name, count = np.full((1024, layers + FEATURES), -1, dtype=np.int64), np.empty(1024, dtype=np.int64), 0
    in_cover, in_question, places = np.empty(1024, dtype=np.int64), np.empty(1024, dtype=np.int64), 0
    table = keyed.table(1024)
    numbers, met = np.empty(len(table), dtype=np.int64), np.empty(64, dtype=np.bool_)
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
                key = name_of(chosen, taken)
                if (not parts or _agree(together, features, chosen, taken)) and not keyed.has(known.narrow, key):
                    slot = keyed.place(table, key)
                    question = numbers[slot] if table[slot] >= 0 else count
                    if question == count:
                        if count == len(what):
                            what, name = longer_rows(what, 2 * count), longer(name, 2 * count)
                            what[count:] = -1
                        table[slot], numbers[slot] = key, count
                        name[count], what[count, FEATURES : FEATURES + taken] = key, chosen[:taken]
                        count += 1
                        if 2 * count > len(table):
                            table, numbers = keyed.larger_with(table, numbers)
                    if places == len(in_cover):
                        in_cover, in_question = longer(in_cover, 2 * places), longer(in_question, 2 * places)
                    in_cover[places], in_question[places] = cover, question
                    places += 1
                _take_out(chosen, taken, place)
    return _Questions(what[:count].copy(), name[:count].copy(), in_cover[:places].copy(), in_question[:places].copy())


@kernel
def _grounds(what: Ints, strips: Strips, chosen: Places) -> _Grounds:
    """Return the grounds that tuples are asked about: those of the same covers are one, with one answer."""
    covers = strips.covers
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
        rarest = rarest_of(covers, chosen, size)
        for n in range(covers.start[rarest], covers.start[rarest + 1]):
            if holds(covers, covers.having[n], chosen, size):
                if found == len(here):
                    here = longer(here, 2 * found)
                here[found] = covers.having[n]
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
def _in_common(covers: Sets, here: Places, found: int, common: Places, begin: int) -> int:
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
