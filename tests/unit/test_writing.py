"""Files appear whole or not at all, and what the system refuses is one sentence, whichever library met it."""

from __future__ import annotations

import errno
import os

import pytest

from gis import writing
from gis.errors import SourceError, StorePermissionError


class Full(Exception):
    """A library's own error."""


def full():
    """Fail as a library that wraps what the system said."""
    try:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        raise Full("library text") from error


def test_failed_writing_keeps_the_old_file(tmp_path):
    """What was there stays as it was, and no temporary file is left."""
    (tmp_path / "a.zip").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), writing.whole(tmp_path / "a.zip"):
        raise ZeroDivisionError
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.zip", b"old")]


@pytest.mark.parametrize("fail", [full, lambda: os.stat("/") and os.listdir("no such folder")])
def test_what_the_system_said_is_told(tmp_path, fail):
    """At the root of a library's error stands the system's, and its text alone is shown."""
    with pytest.raises(StorePermissionError, match=r"cannot write a\.zip") as caught, writing.whole(tmp_path / "a.zip"):
        fail()
    assert "library text" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_library_that_keeps_the_answer_to_itself_is_asked_about(tmp_path, monkeypatch):
    """The system is asked by writing one more piece; where it takes it, the fault is ours."""
    with pytest.raises(Full), writing.whole(tmp_path / "a.zip"):
        raise Full
    taken = []

    def opened(path, mode):
        taken.append(mode)
        raise OSError(errno.EFBIG, "too large")

    monkeypatch.setattr(type(tmp_path), "open", opened)
    with pytest.raises(StorePermissionError, match="too large"), writing.whole(tmp_path / "a.zip"):
        raise Full
    assert taken == ["ab"]


def test_our_own_errors_pass(tmp_path):
    """An error of ours says already what is wrong."""
    with pytest.raises(SourceError, match="ours"), writing.whole(tmp_path / "a.zip"):
        raise SourceError("ours")


@pytest.mark.parametrize("length", [200, 251])
def test_a_name_as_long_as_the_system_allows_is_written(tmp_path, length):
    """The temporary file beside it has a shorter one."""
    out = tmp_path / f"{'x' * (length - 4)}.zip"
    with writing.whole(out) as temporary:
        temporary.write_bytes(b"new")
    assert out.read_bytes() == b"new"


def test_what_is_no_file_stays(tmp_path):
    """A folder, and a device, whose name a new file would take from everybody."""
    (tmp_path / "a.zip").mkdir()
    places = [tmp_path / "a.zip"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        places.append(tmp_path / "pipe")
    for out in places:
        with pytest.raises(StorePermissionError, match="no file"), writing.whole(out):
            pass
        assert out.exists() and not out.is_file()
