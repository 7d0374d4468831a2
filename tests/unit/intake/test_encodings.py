"""The encoding of a table is what its bytes can be, and a declaration is checked."""

from __future__ import annotations

import pytest

from gis.errors import SourceError, UsageError
from gis.intake import encodings

NAMES = "门头沟区城子街道更新单元"
RARE = "𠮷野家"

CASES = {
    # name: (bytes, .cpg, LDID) -> codec, how
    "ascii": ((b"plain", None, 0), ("utf-8", "ASCII only")),
    "gbk, LDID 0x4D": ((NAMES.encode("gbk"), None, 0x4D), ("gb18030", "LDID")),
    "gbk, LDID 0x57": ((NAMES.encode("gbk"), None, 0x57), ("gb18030", "tried")),
    "gbk, nothing said": ((NAMES.encode("gbk"), None, 0), ("gb18030", "tried")),
    "gb18030 with a rare character": ((RARE.encode("gb18030"), "GB18030", 0), ("gb18030", ".cpg")),
    "utf-8, nothing said": ((NAMES.encode(), None, 0), ("utf-8", "tried")),
    "utf-8, said": ((NAMES.encode(), "UTF-8", 0), ("utf-8", ".cpg")),
    "utf-8, marked GBK": ((NAMES.encode(), "GBK", 0), ("utf-8", "tried")),
    "utf-8, LDID 0x4D": ((NAMES.encode(), None, 0x4D), ("utf-8", "tried")),
    "gbk, marked UTF-8": ((NAMES.encode("gbk"), "UTF-8", 0), ("gb18030", "tried")),
    "gbk, marked Latin-1": ((NAMES.encode("gbk"), "ISO-8859-1", 0), ("gb18030", "tried")),
    "gbk that is valid utf-8 by chance": (("联通".encode("gbk"), None, 0), ("gb18030", "tried")),
    "French, marked Latin-1": (("Église élevée à Montréal".encode("latin-1"), "ISO-8859-1", 0), ("iso8859-1", ".cpg")),
    "French in utf-8": (("Église élevée".encode(), None, 0), ("utf-8", "tried")),
    "French in utf-8, said": (("Église élevée".encode(), "UTF-8", 0), ("utf-8", ".cpg")),
    "one Chinese letter a value, marked Latin-1": (("1号2号".encode("gbk"), "ISO-8859-1", 0), ("gb18030", "tried")),
    "gbk, .cpg is nonsense": ((NAMES.encode("gbk"), "klingon", 0x4D), ("gb18030", "LDID")),
}


@pytest.mark.parametrize("name", CASES)
def test_encoding_is_decided_by_the_bytes(name):
    """A declaration that the characters contradict is set aside."""
    (raw, cpg, ldid), expected = CASES[name]
    decided = encodings.decide([(raw, False)], given=None, cpg=cpg, ldid=ldid)
    assert (decided.name, decided.how) == expected


@pytest.mark.parametrize(("cpg", "wrong"), [("GBK", True), ("UTF-8", False), (None, False)])
def test_a_wrong_declaration_is_known(cpg, wrong):
    """A table in UTF-8 that is marked GBK contradicts its mark."""
    decided = encodings.decide([(NAMES.encode(), False)], given=None, cpg=cpg)
    assert decided.contradicts is wrong


def test_bytes_in_no_encoding_are_refused():
    """What neither UTF-8 nor GB18030 reads needs a word from a person."""
    with pytest.raises(SourceError, match="--encoding"):
        encodings.decide([(b"\xff\xff\x81", False)], given=None, cpg=None)


def test_the_encoding_given_must_read_every_value():
    """A flag settles a doubt, not a contradiction."""
    with pytest.raises(SourceError, match="not UTF-8"):
        encodings.decide([(NAMES.encode("gbk"), False)], given="UTF-8", cpg=None)


def test_an_encoding_that_does_not_exist_is_refused():
    """The message says how to write one."""
    with pytest.raises(UsageError, match="klingon"):
        encodings.codec("klingon")


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("lost", [1, 2])
def test_a_text_cut_in_a_character_loses_only_that_character(encoding, lost):
    """A value that fills its field may end in half a character; elsewhere that is an error."""
    raw = (
        "更新单元".encode(encoding)[:-1]
        if lost == 1
        else "更新单元".encode(encoding)[: -len("元".encode(encoding)) + 1]
    )
    assert encodings.decoded(raw, encoding, cut=True) == "更新单"
    with pytest.raises(UnicodeDecodeError):
        encodings.decoded(raw, encoding)
