"""Zips from anywhere: names, junk, traps; and packages that have the same bytes twice."""

from __future__ import annotations

import stat
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis import archives
from gis.archives import Limits
from gis.errors import SourceError, StorePermissionError, UnknownNameError


def entry(name: str, **changes) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x")
    # as the member is written, without what ZipInfo does to names
    info.filename = info.orig_filename = name
    for key, value in changes.items():
        setattr(info, key, value)
    return info


class RawName(zipfile.ZipInfo):
    """An entry whose name is written as raw bytes without the UTF-8 flag."""

    raw = b""

    def _encodeFilenameFlags(self):
        return self.raw, self.flag_bits & ~0x800


def zipped(path, *entries, content=b"data"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for item in entries:
            archive.writestr(item, content, zipfile.ZIP_DEFLATED)
    return path


def raw_named(path, raw: bytes):
    item = RawName("placeholder")
    item.raw = raw
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(item, b"data")
    return path


NAMES = {
    "ascii": (b"JQ.shp", "JQ.shp", "ascii"),
    "gbk": ("门头沟/街区.shp".encode("gbk"), "门头沟/街区.shp", "gbk"),
    "utf-8 without its flag": ("门头沟/街区.shp".encode(), "门头沟/街区.shp", "utf-8"),
    "gbk that is also two-byte utf-8": ("模.shp".encode("gbk"), "模.shp", "gbk"),
    "gbk with a backslash byte": ("乗.dbf".encode("gbk"), "乗.dbf", "gbk"),
    "backslashes as separators": (b"a\\b\\c.shp", "a/b/c.shp", "ascii"),
}


@pytest.mark.parametrize(("raw", "name", "encoding"), NAMES.values(), ids=NAMES)
def test_names_are_read_as_a_person_reads_them(tmp_path, raw, name, encoding):
    """The UTF-8 flag, or Chinese spelt in UTF-8, or strict GBK."""
    (member,) = archives.members(raw_named(tmp_path / "a.zip", raw))
    assert (member.name, member.encoding, member.fault) == (name, encoding, "")


def test_names_with_the_flag_are_utf8(tmp_path):
    """zipfile marks what it writes."""
    (member,) = archives.members(zipped(tmp_path / "a.zip", "街区.shp"))
    assert (member.name, member.encoding) == ("街区.shp", "utf-8")


def test_name_in_no_known_encoding_is_refused(tmp_path):
    """Rather an error than mojibake."""
    with pytest.raises(SourceError, match="neither UTF-8 nor GBK"):
        archives.members(raw_named(tmp_path / "a.zip", b"\xff\xff\x81.shp"))


FAULTS = {
    "parent folder": (entry("../evil.txt"), "escape"),
    "parent folder inside": (entry("a/../../evil.txt"), "escape"),
    "backslash parent": (entry("..\\evil.txt"), "escape"),
    "absolute": (entry("/etc/evil"), "escape"),
    "drive": (entry("C:\\evil.txt"), "escape"),
    "stream of Windows": (entry("a.txt:hidden"), "name"),
    "device of Windows": (entry("sub/CON.txt"), "name"),
    "trailing dot": (entry("a."), "name"),
    "empty part": (entry("a//b"), "name"),
    "NUL": (entry("a.txt\0.shp"), "name"),
    "line break": (entry("a\n.txt"), "name"),
    "network share": (entry("\\\\server\\share\\a.txt"), "escape"),
    "parent folder by a drive": (entry("c:..\\a.txt"), "escape"),
    "only dots": (entry("..."), "name"),
    "link": (entry("link", create_system=3, external_attr=(stat.S_IFLNK | 0o777) << 16), "link"),
    "pipe": (entry("pipe", create_system=3, external_attr=(stat.S_IFIFO | 0o644) << 16), "link"),
}


@pytest.mark.parametrize(("item", "fault"), FAULTS.values(), ids=FAULTS)
def test_dangerous_members_are_listed_and_nothing_is_unpacked(tmp_path, item, fault):
    """A member that leaves the folder or is no file stops the whole archive."""
    path = zipped(tmp_path / "a.zip", "good.txt", item)
    assert [member.fault for member in archives.members(path)] == ["", fault]
    with pytest.raises(SourceError, match="not unpacked"):
        archives.extract(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_encrypted_members_are_refused(tmp_path):
    """The flag of the central directory tells."""
    path = zipped(tmp_path / "a.zip", "a.txt")
    raw = bytearray(path.read_bytes())
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    assert archives.members(path)[0].fault == "encrypted"


def test_names_equal_but_for_case_are_duplicates(tmp_path):
    """Windows would write one over the other."""
    path = zipped(tmp_path / "a.zip", "JQ.shp", "jq.SHP")
    assert {member.fault for member in archives.members(path)} == {"duplicate"}


def test_a_file_in_place_of_a_folder_is_a_duplicate(tmp_path):
    """One name cannot be both."""
    path = zipped(tmp_path / "a.zip", "JQ", "jq/a.shp")
    assert [member.fault for member in archives.members(path)] == ["duplicate", ""]
    with pytest.raises(SourceError, match="there twice"):
        archives.extract(path, tmp_path / "out")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_size_that_lies_is_never_exceeded(tmp_path, method):
    """A member that says 10 bytes and holds two million gives no more than it said, and is damaged."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("zeros", bytes(2 << 20))
    raw = bytearray(path.read_bytes())
    for place in (22, raw.rindex(b"PK\x01\x02") + 24):
        raw[place : place + 4] = (10).to_bytes(4, "little")
    path.write_bytes(raw)
    assert archives.members(path)[0].size == 10
    with pytest.raises(SourceError, match="damaged"):
        archives.extract(path, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_member_is_said_to_be_so(tmp_path, method):
    """Each method has its own word for damage; a person reads one."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.txt", bytes(range(256)) * 20)
    raw = bytearray(path.read_bytes())
    # behind the head of 30 bytes and the name, and behind what bzip2 and LZMA begin with
    raw[35 + 14 : 35 + 40] = b"\xff" * 26
    path.write_bytes(raw)
    with pytest.raises(SourceError, match=r"a\.txt.*damaged"):
        archives.read(path, "a.txt")


def test_a_zip_in_a_zip_stays_closed(tmp_path):
    """What is inside it counts by its packed size, however much it would become."""
    inner = zipped(tmp_path / "inner.zip", "zeros", content=bytes(2 << 20)).read_bytes()
    path = archives.pack({"inner.zip": inner, "a.txt": b"1"}, tmp_path / "a.zip")
    written = archives.extract(path, tmp_path / "out", limits=Limits(total_bytes=1 << 20))
    assert sorted(file.name for file in written) == ["a.txt", "inner.zip"]
    assert (tmp_path / "out" / "inner.zip").read_bytes() == inner


LIMITS = {
    "ratio": (Limits(ratio=100), "grows too much"),
    "size of one": (Limits(member_bytes=1 << 20), "too large"),
    "size of all": (Limits(total_bytes=1 << 20), "would unpack to"),
    "count": (Limits(members=0), "would unpack to"),
}


@pytest.mark.parametrize(("limits", "message"), LIMITS.values(), ids=LIMITS)
def test_bombs_are_refused(tmp_path, limits, message):
    """Two megabytes of zeros pass the defaults and break each narrower limit."""
    path = zipped(tmp_path / "a.zip", "zeros", content=bytes(2 << 20))
    with pytest.raises(SourceError, match=message):
        archives.extract(path, tmp_path / "out", limits=limits)
    assert not (tmp_path / "out").exists()


def test_junk_is_listed_and_left(tmp_path):
    """What file managers leave behind is never data."""
    path = zipped(tmp_path / "a.zip", "JQ.shp", "__MACOSX/._JQ.shp", "a/.DS_Store", "Thumbs.db", "~$台账.xlsx")
    assert [member.junk for member in archives.members(path)] == [False, True, True, True, True]
    assert archives.extract(path, tmp_path / "out") == (tmp_path / "out" / "JQ.shp",)


def test_extract_gives_the_files_back(tmp_path):
    """Folders are made, contents are equal, folder entries are no members."""
    archives.pack({"a/街区.txt": b"1", "b.txt": b"2"}, tmp_path / "a.zip")
    written = archives.extract(tmp_path / "a.zip", tmp_path / "out")
    assert {path.relative_to(tmp_path / "out").as_posix(): path.read_bytes() for path in written} == {
        "a/街区.txt": b"1",
        "b.txt": b"2",
    }


def test_damaged_member_leaves_nothing(tmp_path):
    """A wrong checksum is found while unpacking; what was written before goes."""
    path = archives.pack({"a.txt": b"first", "b.txt": b"second" * 50}, tmp_path / "a.zip")
    raw = bytearray(path.read_bytes())
    place = raw.rindex(b"PK\x01\x02") + 16
    raw[place : place + 4] = b"\0\0\0\0"
    path.write_bytes(raw)
    with pytest.raises(SourceError, match=r"b\.txt.*damaged"):
        archives.extract(path, tmp_path / "out")
    assert not [item for item in (tmp_path / "out").rglob("*") if item.is_file()]


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all"], ids=["empty", "short", "text"])
def test_what_is_no_zip_is_said_to_be_none(tmp_path, content):
    """One sentence, whatever is wrong."""
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(SourceError, match="not a readable zip"):
        archives.members(tmp_path / "a.zip")


def test_missing_file_is_named(tmp_path):
    """No path of this machine is repeated."""
    with pytest.raises(SourceError, match=r"^no file a\.zip$"):
        archives.members(tmp_path / "a.zip")


def test_read_gives_one_member(tmp_path):
    """By its decoded name; an unknown one is an error that names the others."""
    path = raw_named(tmp_path / "a.zip", "街区.txt".encode("gbk"))
    assert archives.read(path, "街区.txt") == b"data"
    with pytest.raises(UnknownNameError, match="街区"):
        archives.read(path, "地块.txt")


@given(st.dictionaries(st.sampled_from(["a", "b/c", "街区.dbf", "z.shp"]), st.binary(max_size=200)))
def test_packing_repeats(tmp_path_factory, content):
    """The same content gives the same bytes, in whatever order it comes, and comes back."""
    folder = tmp_path_factory.mktemp("pack")
    first = archives.pack(content, folder / "1.zip").read_bytes()
    second = archives.pack(dict(reversed(content.items())), folder / "2.zip").read_bytes()
    assert first == second
    assert {m.name: archives.read(folder / "1.zip", m.name) for m in archives.members(folder / "1.zip")} == content


def test_packing_a_folder_takes_all_files(tmp_path):
    """A folder packs like its content by name."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "sub" / "a.txt").write_bytes(b"1")
    archives.pack(tmp_path / "in", tmp_path / "folder.zip")
    archives.pack({"sub/a.txt": b"1"}, tmp_path / "items.zip")
    assert (tmp_path / "folder.zip").read_bytes() == (tmp_path / "items.zip").read_bytes()


@pytest.mark.parametrize("name", ["../a", "/a", "a\\b", ""])
def test_packing_refuses_names_that_extract_would(tmp_path, name):
    """A package is never made that cannot be unpacked."""
    with pytest.raises(SourceError, match="not a name"):
        archives.pack({name: b""}, tmp_path / "a.zip")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    """A folder's name taken by a file is the system's refusal, in one sentence."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorePermissionError, match=r"cannot write a\.zip"):
        archives.pack({}, tmp_path / "file" / "a.zip")
