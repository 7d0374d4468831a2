"""One list of packages: for pip, for conda and in the pins; and a wheel that carries the catalogue."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# the name on conda-forge, where it is another
CONDA_NAMES = {"psycopg2-binary": "psycopg2"}

# the conda environment has these besides: the interpreter, pip for the rest, and the server
CONDA_ONLY = {"python", "pip", "postgresql", "postgis"}


def named(lines) -> dict[str, str]:
    """Read requirement lines into a mapping of normalised name to versions."""
    requirements = (Requirement(line) for line in lines)
    return {canonicalize_name(requirement.name): str(requirement.specifier) for requirement in requirements}


@pytest.fixture(scope="module")
def project(root) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def for_pip(project) -> dict[str, str]:
    extras = project["optional-dependencies"].values()
    return named([*project["dependencies"], *(line for lines in extras for line in lines)])


@pytest.fixture(scope="module")
def pinned(root) -> dict[str, str]:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return named(line for line in lines if line and not line.startswith("#"))


@pytest.fixture(scope="module")
def for_conda(root) -> dict[str, str]:
    text = (root / "environment.yml").read_text(encoding="utf-8").partition("\ndependencies:\n")[2]
    return named(re.findall(r"^ +- +([^\s:#]+)$", text, flags=re.MULTILINE))


def test_conda_and_pip_list_the_same_packages(for_pip, for_conda):
    """Name for name and bound for bound, environment.yml is pyproject.toml."""
    expected = {CONDA_NAMES.get(name, name): versions for name, versions in for_pip.items()}
    assert {name: versions for name, versions in for_conda.items() if name not in CONDA_ONLY} == expected


def test_conda_brings_the_server(for_conda):
    """Analysts need no other installer for PostGIS."""
    assert set(for_conda) >= CONDA_ONLY


def test_the_same_python_everywhere(project, for_conda):
    """The oldest Python is the same for pip and conda."""
    assert for_conda["python"].split(",")[-1] == project["requires-python"] or for_conda["python"].startswith(
        project["requires-python"]
    )


def test_every_pin_is_exact(pinned):
    """Constraints name one version each."""
    assert not {name: versions for name, versions in pinned.items() if not versions.startswith("==")}


def test_every_package_is_pinned_with_what_it_needs(project, for_pip, pinned):
    """The pins cover the packages, and whatever those need on this machine; rivals only where they are installed."""
    rivals = named(project["optional-dependencies"]["rivals"])
    there = {distribution.metadata["Name"] for distribution in importlib.metadata.distributions()}
    needed, waiting = set(rivals), set(for_pip) - (rivals.keys() - {canonicalize_name(name) for name in there})
    while waiting:
        name = waiting.pop()
        needed.add(name)
        lines = importlib.metadata.requires(name) or []
        requirements = [Requirement(line) for line in lines]
        wanted = {
            canonicalize_name(requirement.name)
            for requirement in requirements
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        }
        waiting |= wanted - needed
    assert needed <= set(pinned), f"not in constraints.txt: {sorted(needed - set(pinned))}"


def test_pins_satisfy_the_bounds(for_pip, pinned):
    """A pin lies within the bounds of pyproject.toml."""
    faults = [
        f"{name}{pinned[name]} is outside {versions}"
        for name, versions in for_pip.items()
        if not Requirement(name + versions).specifier.contains(pinned[name].removeprefix("=="))
    ]
    assert not faults, "\n".join(faults)


def test_the_build_backend_is_pinned(root, pinned):
    """A wheel built with isolation uses the version that is tested."""
    system = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    assert {name: pinned[name] for name in named(system["requires"])} == named(system["requires"])


@pytest.mark.slow
def test_the_wheel_carries_the_catalogue(root, tmp_path):
    """Every file of layers/ is in the wheel, beside every module and what the page is made of, and nothing else is."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    result = subprocess.run([*build, "--wheel-dir", tmp_path, root], capture_output=True, encoding="utf-8", timeout=120)
    assert result.returncode == 0, result.stderr
    with zipfile.ZipFile(next(tmp_path.glob("gis-*.whl"))) as wheel:
        carried = {name for name in wheel.namelist() if ".dist-info/" not in name}
    files = [path for path in (root / "gis").rglob("*.*") if "__pycache__" not in path.parts]
    code = {path.relative_to(root).as_posix() for path in files}
    layers = {f"gis/_layers/{path.relative_to(root / 'layers').as_posix()}" for path in (root / "layers").rglob("*.*")}
    assert layers
    assert carried == code | layers
