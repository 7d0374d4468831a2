"""One function tells what a store is called, one opens a connection, one lends temporary files: there are no twins."""

from __future__ import annotations

import ast

import pytest

# what may stand in one module alone
ALONE = {
    "psycopg2.connect": {"gis.store.postgis_connecting"},
    "parse_dsn": {"gis.store.postgis_connecting"},
    "tempfile": {"gis.writing", "gis.workflow.outlets"},
}
# rooms where a store has the name that somebody typed
ROOMS = {"cli", "store", "terminal", "workflow"}
TYPED = {"dsn", "target", "store", "given"}


@pytest.mark.parametrize("what", ALONE)
def test_a_door_has_one_keeper(modules, what):
    """A second one would have to keep the same secrets."""
    users = set()
    for module in modules:
        for node in ast.walk(module.tree):
            name = ast.unparse(node) if isinstance(node, ast.Attribute) else getattr(node, "id", "")
            if name.split("(")[0] in {what, f"{what}.mkdtemp", f"{what}.mkstemp", f"{what}.TemporaryDirectory"}:
                users.add(module.name)
    assert users == ALONE[what]


def test_addresses_are_recognised_in_one_place(modules):
    """Nobody else looks at how an address begins, or at the one that psycopg2 keeps."""
    faults = []
    for module in modules:
        for node in ast.walk(module.tree):
            call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            looks = call and node.func.attr in {"startswith", "match", "fullmatch", "compile"}
            begins = looks and any("postgres" in ast.unparse(word).lower() for word in node.args)
            if begins or getattr(node, "attr", "") in {"dsn", "get_dsn_parameters", "dsn_parameters"}:
                faults.append(f"{module.path}:{node.lineno}")
    assert [fault for fault in faults if "addresses.py" not in fault] == []


def test_no_text_repeats_what_was_typed(modules):
    """In texts a store is called by its own name, or by `addresses.shown`."""
    faults = [
        f"{module.path}:{node.lineno}"
        for module in modules
        if module.room in ROOMS
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name) and node.value.id in TYPED
    ]
    assert faults == []
