"""Imports only go down the ladder of the design: a room knows the rooms below it and nothing else."""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Iterator
from importlib.util import resolve_name

GROUND = {"addresses", "errors", "settings"}
TOOLS = {"gcj02", "crs", "compiled", "geometry", "fieldtypes", "findings", "lineage", "archives", "norms"}
TOOLS |= {"drivers", "leftovers", "stopping", "writing"}
BASE = GROUND | TOOLS | {"catalogue", "rows"}
ROOMS = BASE | {"intake", "store", "sample", "analysis", "planning", "publish", "scale"}

# room -> the rooms that it may import, besides its own folder
MAY_IMPORT: dict[str, set[str]] = (
    {"addresses": set(), "errors": {"addresses"}, "settings": {"errors"}}
    | dict.fromkeys(TOOLS, GROUND | TOOLS)
    | {"catalogue": GROUND | TOOLS, "rows": GROUND | TOOLS | {"catalogue"}}
    | dict.fromkeys(["intake", "store", "sample"], BASE)
    | {"analysis": GROUND | TOOLS}
    | {"planning": BASE | {"analysis"}}
    | {"publish": BASE}
    | {"scale": GROUND | TOOLS | {"analysis"}}
    | {"workflow": ROOMS}
    | {"terminal": BASE}
    | {"cli": ROOMS | {"workflow", "terminal"}, "__init__": ROOMS | {"workflow"}}
    | {"__main__": {"cli", "stopping"}}
)

# what would open a file or a store
DOORS = {"fiona", "openpyxl", "pathlib", "psycopg2", "pyogrio", "python_calamine", "shapefile", "sqlite3", "zipfile"}

# what Windows does not have
POSIX_MODULES = {"crypt", "curses", "fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
POSIX_NAMES = {
    "os": {"chown", "fork", "forkpty", "geteuid", "getuid", "kill", "killpg", "mkfifo", "setsid", "uname", "wait"},
    "signal": {"SIGALRM", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "alarm", "setitimer"},
}

DRAWERS = {"util", "utils", "helper", "helpers", "common", "misc", "tools", "base_utils"}


def imported(module, tree=None) -> Iterator[tuple[str, int]]:
    """Yield every imported dotted name with its line; `from a import b` gives a.b."""
    package = module.name if module.path.endswith("__init__.py") else module.name.rpartition(".")[0]
    for node in ast.walk(tree or module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module
            yield from ((f"{origin}.{alias.name}", node.lineno) for alias in node.names)


def own_imports(module, names: set[str], tree=None) -> Iterator[tuple[str, int]]:
    """Yield the project's own modules that are imported, a name inside a module counting as that module."""
    for name, line in imported(module, tree):
        if name.split(".")[0] == "gis":
            yield (name if name in names else name.rpartition(".")[0]), line


def room_of(name: str) -> str:
    return name.split(".")[1] if "." in name else "__init__"


def test_every_module_stands_in_a_room_of_the_design(modules):
    """A new room is entered in the design and in MAY_IMPORT first."""
    assert not [module.path for module in modules if module.room not in MAY_IMPORT]


def test_imports_only_go_down(modules):
    """A module imports its own folder and the rooms that the ladder allows it."""
    names = {module.name for module in modules}
    faults = [
        f"{module.path}:{line} imports {name}; {module.room} may import {sorted(MAY_IMPORT[module.room])}"
        for module in modules
        for name, line in own_imports(module, names)
        if room_of(name) not in MAY_IMPORT[module.room] | {module.room}
    ]
    assert not faults, "\n".join(faults)


def test_no_module_imports_itself_through_others(modules):
    """There are no cycles, not even for annotations."""
    names = {module.name for module in modules}
    graph = {module.name: {name for name, _ in own_imports(module, names)} for module in modules}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        raise AssertionError("imports run in a circle: " + " -> ".join(reversed(error.args[1]))) from None


def test_own_modules_are_imported_at_the_top(modules):
    """An import inside a function hides a dependency."""
    names = {module.name for module in modules}
    faults = [
        f"{module.path}:{line} imports {name} inside {node.name}"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for name, line in own_imports(module, names, node)
    ]
    assert not faults, "\n".join(faults)


def test_the_ground_floor_needs_only_the_standard_library(modules):
    """Errors and settings can be imported where nothing is installed."""
    faults = [
        f"{module.path}:{line} imports {name}"
        for module in modules
        if module.room in GROUND
        for name, line in imported(module)
        if name.split(".")[0] not in sys.stdlib_module_names and room_of(name) not in GROUND
    ]
    assert not faults, "\n".join(faults)


def test_analysis_opens_no_files(modules):
    """Analyses take frames and return frames; norms, kinds and code lists are handed in."""
    faults = [
        f"{module.path}:{line} imports {name}"
        for module in modules
        if module.room in {"analysis", "geometry"}
        for name, line in imported(module)
        if name.split(".")[0] in DOORS
    ]
    assert not faults, "\n".join(faults)


def test_there_are_no_drawers(modules):
    """A module is named after a question that planners ask."""
    assert not [module.path for module in modules if DRAWERS & set(module.name.split("."))]


def test_nothing_needs_posix(modules):
    """Analysts sit at Windows machines."""
    faults = [
        f"{module.path}:{line} imports {name}"
        for module in modules
        for name, line in imported(module)
        if name.split(".")[0] in POSIX_MODULES
    ]
    faults += [
        f"{module.path}:{node.lineno} uses {node.value.id}.{node.attr}"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if node.attr in POSIX_NAMES.get(node.value.id, ())
    ]
    assert not faults, "\n".join(faults)
