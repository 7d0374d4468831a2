"""What every command is asked for where it cannot be given, and how it is judged."""

from __future__ import annotations

import hashlib
import os

import shapely

SQUARE = shapely.box(430_000, 4_420_000, 430_100, 4_420_100)
# what writes a file, and in which formats; OUT is the file, STORE an empty store, SOUND a district
WRITERS = {
    "export": (["export", "STORE", "districts", "OUT"], [".gpkg", ".csv", ".xlsx", ".geojson", ".parquet"]),
    "check --report": (["check", "STORE", "--report", "OUT"], [".xlsx"]),
    "check --points": (["check", "STORE", "--points", "OUT"], [".gpkg"]),
    "load --report": (["load", "STORE", "SOUND", "--layer", "districts", "--report", "OUT"], [".xlsx"]),
    "reconcile --out": (["reconcile", "STORE", "units", "--to", "blocks", "--out", "OUT"], [".xlsx", ".gpkg"]),
    "stations --out": (["stations", "STORE", "--scenario", "--out", "OUT"], [".xlsx"]),
    "crossings --out": (["crossings", "STORE", "SOUND", "--out", "OUT"], [".xlsx"]),
    "map": (["map", "STORE", "OUT", "--internal"], [".html"]),
    "workbook": (["workbook", "STORE", "OUT"], [".xlsx"]),
    "deliver": (["deliver", "STORE", "OUT"], [".zip"]),
}
FORMATS = [(name, suffix) for name, (_, suffixes) in WRITERS.items() for suffix in suffixes]
# those that can be made of a store with a district alone
MADE = [name for name in WRITERS if name.split()[0] not in {"reconcile", "stations", "crossings"}]
# where no file can go, and the code that says so; {} is the suffix
PLACES = {
    "other suffix": ("out.doc", 2),
    "no suffix": ("out", 2),
    "a folder": ("folder{}", 12),
    "under a file": ("file/out{}", 12),
    "too long": (f"{'x' * 300}{{}}", 12),
    "no place for files": ("/proc/none/out{}", 12),
    "a pipe": ("pipe{}", 12),
}
if os.name == "nt":
    PLACES.pop("a pipe"), PLACES.pop("no place for files")
# with somebody else writing, and with somebody else holding all of the file
LOCKED = {
    "init": (["init", "STORE"], 0),
    "migrate": (["migrate", "STORE"], 0),
    "adopt": (["adopt", "STORE"], 11),
    "load": (["load", "STORE", "SOUND", "--layer", "districts"], 11),
    "check": (["check", "STORE"], 11),
    "export": (["export", "STORE", "districts", "OUT"], 0),
    "history": (["history", "STORE", "districts", "X"], 6),
    "restore": (["restore", "STORE", "districts", "X", "1"], 6),
    "reconcile": (["reconcile", "STORE", "units", "--to", "blocks"], 5),
    "blocks": (["blocks", "STORE"], 11),
    "stations": (["stations", "STORE"], 5),
    "crossings": (["crossings", "STORE", "SOUND"], 5),
    "map": (["map", "STORE", "OUT", "--internal"], 17),
    "editions": (["editions", "STORE"], 0),
    "workbook": (["workbook", "STORE", "OUT"], 0),
    "deliver": (["deliver", "STORE", "OUT"], 5),
}
SUFFIX = {"map": ".html", "workbook": ".xlsx", "deliver": ".zip"}


def digests(folder):
    """Return what lies in a folder and under it, each file with its content."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def one_sentence(said):
    """Tell whether an error came as one line, with its kind in Chinese, and shows nothing of a library."""
    library = ("Traceback", "Errno", "sqlite3.", "pyogrio", "OSError", "Exception", "malformed")
    return " · " in said and said.count("\n") == 1 and not any(word in said for word in library)


def filled(words, place, out=""):
    """Return a command's words with the names in capitals replaced."""
    known = {"STORE": place / "store.gpkg", "SOUND": place / "sound.gpkg", "OUT": place / out}
    return [str(known.get(word, word)) for word in words]
