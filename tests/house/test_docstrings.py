"""Everything public is documented and annotated, and nothing outgrows the sizes of the house."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

FILE_LINES = 500
BODY_LINES = 60
PARAMETERS = 8

# the docstring of a command is its help text; options carry their own
HELP_TEXTS = {
    "gis/__main__.py",
    *(f"gis/cli/{name}.py" for name in ("__init__", "analyses", "data", "publication", "upkeep")),
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Definition:
    """A function or class with the module and, for a method, the class that it stands in."""

    path: str
    node: Function | ast.ClassDef
    owner: ast.ClassDef | None = None

    def __str__(self) -> str:
        name = f"{self.owner.name}.{self.node.name}" if self.owner else self.node.name
        return f"{self.path}:{self.node.lineno} {name}"

    @property
    def public(self) -> bool:
        hidden = self.node.name.startswith("_") or (self.owner is not None and self.owner.name.startswith("_"))
        return not hidden

    @property
    def is_function(self) -> bool:
        return isinstance(self.node, Function)

    @property
    def decorators(self) -> set[str]:
        names = (node.func if isinstance(node, ast.Call) else node for node in self.node.decorator_list)
        return {ast.unparse(name).rpartition(".")[2] for name in names}

    @property
    def is_accessor(self) -> bool:
        """Tell whether a sentence is enough: a method that looks something up by one argument."""
        return self.owner is not None and len(parameters(self.node)) == 1

    @property
    def inherits_its_contract(self) -> bool:
        """Tell whether a base class documents the parameters of this method."""
        bases = {ast.unparse(base).rpartition(".")[2] for base in self.owner.bases} if self.owner else set()
        return bool(bases - {"ABC", "Protocol"})


def definitions(modules) -> Iterator[Definition]:
    """Yield the functions and classes of every module, and the methods of the classes."""
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, Function | ast.ClassDef):
                yield Definition(module.path, node)
            if isinstance(node, ast.ClassDef):
                yield from (Definition(module.path, child, node) for child in node.body if isinstance(child, Function))


def functions(modules) -> Iterator[tuple[str, Function]]:
    """Yield every function with its place, nested and private ones too."""
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, Function):
                yield f"{module.path}:{node.lineno} {node.name}", node


def parameters(node: Function) -> list[ast.arg]:
    """List the parameters of a function without self and cls."""
    declared = [*node.args.posonlyargs, *node.args.args, node.args.vararg, *node.args.kwonlyargs, node.args.kwarg]
    return [parameter for parameter in declared if parameter is not None and parameter.arg not in {"self", "cls"}]


def sections(docstring: str) -> dict[str, str]:
    """Split a numpydoc docstring into its underlined sections."""
    found = re.split(r"^[ \t]*([A-Z][A-Za-z ]+)\n[ \t]*-{3,}[ \t]*$", docstring, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def section_faults(definition: Definition) -> Iterator[str]:
    """Name what the docstring of a public function leaves out."""
    found = sections(ast.get_docstring(definition.node) or "")
    expected = [parameter.arg for parameter in parameters(definition.node)]
    if expected and "Parameters" not in found:
        yield f"{definition} has no section Parameters"
    elif expected:
        # names stand at the start of a line, several of one kind with commas between
        lines = re.findall(r"^[*\w, ]+", found["Parameters"], flags=re.MULTILINE)
        named = {name for line in lines for name in re.findall(r"\w+", line)}
        missing = [name for name in expected if name not in named]
        if missing:
            yield f"{definition} does not document {', '.join(missing)}"
    returned = definition.node.returns
    nothing = returned is None or ast.unparse(returned).strip("'\"") in {"None", "NoReturn", "Never", "Self"}
    if expected and not nothing and not {"Returns", "Yields"} & set(found):
        yield f"{definition} has no section Returns"


def test_every_public_name_has_a_docstring(modules):
    """A reader learns from the docstring what a function, class or method is for."""
    faults = [module.path for module in modules if not ast.get_docstring(module.tree)]
    faults += [
        str(definition)
        for definition in definitions(modules)
        if definition.public and not ast.get_docstring(definition.node) and "overload" not in definition.decorators
    ]
    assert not faults, "without a docstring:\n" + "\n".join(faults)


def test_public_functions_document_parameters_and_results(modules):
    """Where there are parameters, numpydoc sections name every one of them and say what comes back."""
    faults = [
        fault
        for definition in definitions(modules)
        if definition.public and definition.is_function and definition.path not in HELP_TEXTS
        if not definition.is_accessor and not definition.inherits_its_contract
        if not {"overload", "setter"} & definition.decorators
        for fault in section_faults(definition)
    ]
    assert not faults, "\n".join(faults)


def test_every_function_is_annotated(modules):
    """Every parameter and every result has a type, in private functions too."""
    faults = [
        f"{place} lacks a type for {', '.join(missing)}"
        for place, node in functions(modules)
        if (
            missing := [parameter.arg for parameter in parameters(node) if parameter.annotation is None]
            + (["the result"] if node.returns is None else [])
        )
    ]
    assert not faults, "\n".join(faults)


def test_files_stay_short(modules):
    """A module that outgrows the measure becomes a folder of the same name."""
    lengths = {module.path: module.text.count("\n") for module in modules}
    assert not {path: lines for path, lines in lengths.items() if lines > FILE_LINES}


def test_functions_stay_short(modules):
    """A function, docstring aside, fits on a screen."""
    faults = []
    for place, node in functions(modules):
        docstring = ast.get_docstring(node, clean=False)
        lines = node.end_lineno - node.lineno + 1 - (docstring.count("\n") + 1 if docstring else 0)
        if lines > BODY_LINES:
            faults.append(f"{place}: {lines} lines (at most {BODY_LINES})")
    assert not faults, "\n".join(faults)


def test_functions_take_few_parameters(modules):
    """What needs more parameters than that wants a record."""
    faults = [
        f"{place}: {len(parameters(node))} parameters (at most {PARAMETERS})"
        for place, node in functions(modules)
        if len(parameters(node)) > PARAMETERS
    ]
    assert not faults, "\n".join(faults)
