"""What a spoilt file must not do: the road from file to rows, walked in forked processes that may die.

As a program (`python -m tests.hostile.fuzzing`) it walks one plan of cases and writes one line of JSON a case.
"""

from __future__ import annotations

import collections
import hashlib
import json
import os
import pickle
import random
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.hostile import spoiling
from tests.hostile.specimens import Specimen

# what one small file may take beside the libraries themselves, bytes
ROOM = 2 << 30
# a file of a few kilobytes that takes this long hangs
PATIENCE_S = 20
# cases after which a process is replaced, so that what a library keeps does not add up
_TURN = 400
# one case in so many goes all the way to accepted rows
_WALKED = 4
# findings that say that something of the file is no row, or may be missing
SAID = {
    "source.last_line_short",
    "source.lines_swallowed",
    "source.rows_deleted",
    "source.rows_fewer",
    "source.entities_unread",
    "source.stops_unread",
    "source.title_skipped",
    "source.header_joined",
    "source.units_joined",
    "source.twin_edges",
    "source.same_name",
}


@dataclass(frozen=True)
class Result:
    """Hold what became of one case.

    Parameters
    ----------
    number
        Of the case in its plan.
    format, ways
        What was spoilt and how.
    outcome
        "stored", "refused", "signal", "hang", "memory", "traceback" or "loss" (rows that nothing is said of).
    detail
        Exit code and sentence, the traceback, how many rows are stored or missing.
    seconds
        How long it took.
    """

    number: int
    format: str
    ways: str
    outcome: str
    detail: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Case:
    """Hold one file as it is read."""

    format: str
    ways: str
    specimen: Specimen
    files: dict[str, bytes]
    walked: bool


def run(plan: str, specimens: dict[str, Specimen], cases: int | None = None, seed: int = 0) -> list[Result]:
    """Walk a plan in a process that has done nothing else.

    Parameters
    ----------
    plan
        "damage" (every cut of every part) or "fuzz".
    specimens
        The sound files.
    cases
        How many of the plan, None for all of a plan that ends.
    seed
        Where chance begins.

    Returns
    -------
    list of Result
        In the order of the plan.
    """
    with tempfile.TemporaryDirectory(prefix="gis-fuzz-") as folder:
        kept = Path(folder) / "specimens.pickle"
        kept.write_bytes(pickle.dumps(specimens))
        words = [sys.executable, "-m", "tests.hostile.fuzzing", plan, str(kept), str(seed), str(cases or 0)]
        done = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace")[-2000:])
    found = [Result(**json.loads(line)) for line in done.stdout.decode().splitlines()]
    return sorted(found, key=lambda one: one.number)


def case(plan: str, specimens: dict[str, Specimen], number: int, seed: int = 0) -> Case:
    """Return one case of a plan.

    Parameters
    ----------
    plan, specimens, seed
        As for `run`.
    number
        Which.
    """
    if plan == "damage":
        format_, name, part, raw = _damages(specimens)[number]
        return Case(format_, name, specimens[format_], specimens[format_].files | {part: raw}, False)
    chance = random.Random(hashlib.sha256(f"{seed}:{number}".encode()).digest())
    format_ = sorted(specimens)[number % len(specimens)]
    specimen = specimens[format_]
    # parts count by their size, but none so little that it is never spoilt
    parts = sorted(specimen.files)
    part = chance.choices(parts, [len(specimen.files[name]) ** 0.5 + 1 for name in parts])[0]
    other = specimens[chance.choice(sorted(specimens))].files
    ways, raw = spoiling.spoilt(part, specimen.files[part], other[chance.choice(sorted(other))], chance)
    walked = number // len(specimens) % _WALKED == 0
    return Case(format_, f"{part}: {ways}", specimen, specimen.files | {part: raw}, walked)


_KEPT: dict[int, list[tuple[str, str, str, bytes]]] = {}


def _damages(specimens: dict[str, Specimen]) -> list[tuple[str, str, str, bytes]]:
    """Return all cases of the plan that ends."""
    if id(specimens) not in _KEPT:
        _KEPT[id(specimens)] = [(name, *one) for name in specimens for one in spoiling.damage(specimens[name])]
    return _KEPT[id(specimens)]


def outcome(one: Case) -> tuple[str, str]:
    """Read the file of a case; return what became of it and what there is to say.

    Parameters
    ----------
    one
        The case.
    """
    from gis.errors import GisError

    with tempfile.TemporaryDirectory(prefix="gis-fuzz-") as folder:
        for name, content in one.files.items():
            file = Path(folder) / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)
        try:
            return _read(one, Path(folder) / one.specimen.named)
        except GisError as error:
            said = str(error)
            if "more memory than there is" in said or "bad_alloc" in said:
                return "memory", said
            # below the sentence there may stand what was weighed, numbered
            if said and ("\n" not in said or "\n  1. " in said):
                return "refused", f"{error.exit_code}: {said}"
            return "traceback", f"no sentence: {said!r}"
        # a panic of a library in Rust is no Exception
        except BaseException:
            return "traceback", traceback.format_exc()


@cache
def _shared() -> Any:
    """Return the layers."""
    from gis import catalogue

    return catalogue.read()


def _read(one: Case, path: Path) -> tuple[str, str]:
    """Read, reckon the rows, and go on to accepted rows where the case is one that does."""
    from gis.intake.read import read

    source = read(path, **one.specimen.options)
    counted = one.specimen.count(one.files) if one.specimen.count is not None else None
    wanted = one.specimen.rows if counted is None else counted
    codes = set(source.notes["code"])
    if len(source.frame) < wanted and not codes & SAID:
        return "loss", f"{len(source.frame)} of {wanted} rows; {sorted(codes)}"
    fault = _walked(source, one) if one.walked else ""
    return ("traceback", fault) if fault else ("stored", str(len(source.frame)))


def _walked(source: Any, one: Case) -> str:
    """Conform, repair, validate, split; then hold the accepted rows against the layer's own rules."""
    from gis import rows
    from gis.intake import conform, drawings, repair, validate
    from gis.settings import Settings

    layer, settings = _shared().layer(one.specimen.layer), Settings()
    source = drawings.labelled(source, layer, _shared())
    came = conform.conform(source, layer, settings=settings, catalogue=_shared()).frame
    mended = repair.repair(came, layer).frame
    found = validate.validate(mended, layer, catalogue=_shared(), settings=settings)
    accepted, quarantined = validate.split(mended, found, layer=layer.name, file=source.path.name)
    if len(accepted) + len(quarantined) != len(source.frame):
        return f"{len(source.frame)} rows came, {len(accepted)} + {len(quarantined)} are left"
    faults = rows.check(accepted, layer, _shared())
    faults = faults[faults["severity"] == "error"]
    return "" if faults.empty else f"accepted with faults: {faults.to_dict('records')}"


def _work(plan: str, specimens: dict[str, Specimen], numbers: Iterable[int], seed: int, pipe: int) -> None:
    """Walk cases, saying before each which it is and after it what became of it."""
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + ROOM,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    for number in numbers:
        one = case(plan, specimens, number, seed)
        began = time.monotonic()
        os.write(pipe, (json.dumps(asdict(Result(number, one.format, one.ways, "begun", ""))) + "\n").encode())
        became, detail = outcome(one)
        # a line of a pipe is whole up to 4,096 bytes
        spent = round(time.monotonic() - began, 3)
        told = f"{detail[:100]} {detail[100:][-500:]}".strip()
        line = asdict(Result(number, one.format, one.ways, became, told, spent))
        os.write(pipe, (json.dumps(line) + "\n").encode())


@dataclass
class _Worker:
    """Hold a process and what it has still to do."""

    child: int
    pipe: int
    left: collections.deque[int]
    begun: Result | None = None
    since: float = 0.0
    rest: bytes = b""
    over: bool = False


def _serve(plan: str, specimens: dict[str, Specimen], numbers: Iterator[int], seed: int, workers: int) -> None:
    """Walk cases in processes; one that dies or hangs is a result, and another takes its place."""
    busy: dict[int, _Worker] = {}

    def start(left: collections.deque[int]) -> None:
        if not left:
            left.extend(number for _, number in zip(range(_TURN), numbers, strict=False))
        if left:
            mine, its = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    _work(plan, specimens, left, seed, its)
                finally:
                    os._exit(0)
            os.close(its)
            busy[mine] = _Worker(child, mine, left, since=time.monotonic())

    for _ in range(workers):
        start(collections.deque())
    while busy:
        ready, _, _ = select.select(list(busy), [], [], 1.0)
        for pipe in ready:
            _heard(busy[pipe], os.read(pipe, 1 << 16))
        for one in list(busy.values()):
            hangs = not one.over and time.monotonic() - one.since > PATIENCE_S
            if hangs:
                os.kill(one.child, signal.SIGKILL)
            if hangs or one.over:
                _ended(one, hangs=hangs)
                del busy[one.pipe]
                start(one.left)


def _heard(one: _Worker, said: bytes) -> None:
    """Take in what a process says; nothing means that it has ended."""
    if not said:
        one.over = True
        return
    one.since = time.monotonic()
    *lines, one.rest = (one.rest + said).split(b"\n")
    for line in lines:
        result = Result(**json.loads(line))
        if result.outcome == "begun":
            one.begun = result
            continue
        one.begun = None
        one.left.popleft()
        print(line.decode(), flush=True)


def _ended(one: _Worker, *, hangs: bool) -> None:
    """Say what a process died of, if it did not end by itself."""
    os.close(one.pipe)
    code = os.waitstatus_to_exitcode(os.waitpid(one.child, 0)[1])
    if one.begun is None and one.left:
        # it died before it could say of what: the case itself could not be made
        one.begun = Result(one.left[0], "?", "?", "begun", "")
    if one.begun is not None:
        one.left.popleft()
        became = ("hang", f"> {PATIENCE_S} s") if hangs else ("signal", str(code))
        print(json.dumps(asdict(one.begun) | dict(zip(("outcome", "detail"), became, strict=True))), flush=True)


def _main(plan: str, kept: str, seed: str, cases: str) -> None:
    """Walk a plan."""
    import gis.cli  # noqa: F401

    specimens = pickle.loads(Path(kept).read_bytes())
    _shared()
    last = int(cases) or len(_damages(specimens))
    _serve(plan, specimens, iter(range(last)), int(seed), min(os.cpu_count() or 1, 2))


if __name__ == "__main__":
    _main(*sys.argv[1:])
