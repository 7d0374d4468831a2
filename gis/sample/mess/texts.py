"""Spoilings of texts and of the names of columns: encodings, double encodings, cuts, renamings."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from gis.sample.mess import draft as drafts
from gis.sample.mess.draft import Draft, Spoiling

# a text beyond this many bytes does not fit into a shapefile
_DBF_TEXT = 254
_RARE = "㐂𠮷"
# widths in bytes that cut the longer names of the town in the middle of a character
_ODD_WIDTH = 9


def _bytes(draft: Draft, *, encoding: str, ldid: int = 0, cpg: str | None = None) -> Draft:
    """Write the table in an encoding, with a code page byte and a .cpg or none."""
    return drafts.with_options(draft, encoding=encoding, ldid=ldid, cpg=cpg)


def _rare(draft: Draft) -> Draft:
    """Put characters into the names that GBK does not hold; only GB18030 does."""
    names = [f"{cell}{_RARE}" if cell else cell for cell in drafts.values(draft, "name")]
    return _bytes(drafts.with_values(draft, "name", names, true=True), encoding="gb18030")


def _double(draft: Draft, *, encoding: str) -> Draft:
    """Read the UTF-8 of every text in another encoding and save that as UTF-8; texts that this would destroy grow."""
    for name in drafts.text_fields(draft):
        whole = [_reversible(cell, encoding) if isinstance(cell, str) else cell for cell in drafts.values(draft, name)]
        draft = drafts.with_values(draft, name, whole, true=True)
        twice = [cell.encode("utf-8").decode(encoding) if isinstance(cell, str) else cell for cell in whole]
        draft = drafts.with_values(draft, name, twice)
    return _bytes(draft, encoding="utf-8", cpg="UTF-8")


def _reversible(text: str, encoding: str) -> str:
    """Return a text, lengthened until reading its UTF-8 in the encoding can be undone."""
    for tail in ("", "区", "一", "甲", "区一"):
        raw = f"{text}{tail}".encode()
        try:
            if raw.decode(encoding).encode(encoding) == raw:
                return f"{text}{tail}"
        except UnicodeError:
            continue
    return "松澜"


def _double_lossy(draft: Draft) -> Draft:
    """Read the UTF-8 of every text as GBK, what is none as U+FFFD, and save that: much is lost."""
    for name in drafts.text_fields(draft):
        twice = []
        for row, cell in enumerate(drafts.values(draft, name)):
            if not isinstance(cell, str) or cell.isascii():
                twice.append(cell)
                continue
            twice.append(cell.encode("utf-8").decode("gbk", errors="replace"))
            draft = drafts.marked(draft, [row], name)
        draft = drafts.with_values(draft, name, twice)
    return _bytes(draft, encoding="utf-8", cpg="UTF-8")


def _question_marks(draft: Draft) -> Draft:
    """Save the names in an encoding that has no Chinese: every character has become a question mark."""
    cells = drafts.values(draft, "name")
    draft = drafts.marked(draft, [row for row, cell in enumerate(cells) if cell], "name")
    return drafts.with_values(draft, "name", ["".join("?" if ord(c) > 127 else c for c in cell) if cell else cell
                                              for cell in cells])  # fmt: skip


def _cut(draft: Draft, *, encoding: str, cpg: str | None, width: int = _ODD_WIDTH) -> Draft:
    """Give the names a column that is too narrow, so that the longer ones end in half a character."""
    longer = [f"{cell}示范" if cell else cell for cell in drafts.values(draft, "name")]
    draft = drafts.with_values(draft, "name", longer, true=True)
    lost = [row for row, cell in enumerate(longer) if cell and len(cell.encode(encoding)) > width]
    draft = drafts.with_options(draft, widths={**draft.options.get("widths", {}), "name": width})
    return _bytes(drafts.marked(draft, lost, "name"), encoding=encoding, cpg=cpg)


def _long(draft: Draft, *, encoding: str, cpg: str) -> Draft:
    """Give one text more bytes than a shapefile keeps."""
    widths = {one.name: one.width or 0 for one in draft.layer.fields}
    name = max(drafts.text_fields(draft), key=lambda field: widths[field])
    room = widths[name]
    text = ("四至以批准的规划图为准，东至古渡大街，南至松澜大街，西至货场路，北至铁路；" * 8)[:room]
    cells = drafts.values(draft, name)
    draft = drafts.with_values(draft, name, [text, *cells[1:]], true=True)
    if len(text.encode(encoding)) > _DBF_TEXT:
        draft = drafts.marked(draft, [0], name)
    return _bytes(draft, encoding=encoding, cpg=cpg)


def _named(draft: Draft, *, how: str) -> Draft:
    """Name the columns in one of the ways that bureaus do."""
    columns = {}
    for field in draft.layer.fields:
        alias = next((text for text in field.aliases if not text.isascii()), field.zh)
        names = {"zh": field.zh, "pinyin": field.delivery, "lower": field.delivery.lower(), "en": field.en,
                 "name": field.name, "alias": alias, "spaced": f" {field.zh} ", "key": field.zh}  # fmt: skip
        columns[field.name] = names[how]
    if how == "alias":
        # an alias that two columns would share stays with the first
        taken: dict[str, str] = {}
        for field in draft.layer.fields:
            taken[field.name] = columns[field.name] if columns[field.name] not in taken.values() else field.zh
        columns = taken
    if how == "key":
        columns[draft.layer.key] = "F1"
        draft = drafts.marked(draft, range(len(draft.cells)), draft.layer.key)
    return replace(draft, columns=columns)


def _cut_names(draft: Draft, *, encoding: str) -> Draft:
    """Cut the Chinese names of the columns to ten bytes, as a shapefile does; equal ones are numbered."""
    columns: dict[str, str] = {}
    for field in draft.layer.fields:
        short = field.zh.encode(encoding)[:10].decode(encoding, errors="ignore")
        number = 1
        while short in columns.values():
            end = f"_{number}"
            short = field.zh.encode(encoding)[: 10 - len(end)].decode(encoding, errors="ignore") + end
            number += 1
        columns[field.name] = short
    # where two titles begin alike, nobody can tell the columns apart by name
    starts = [field.zh.encode(encoding)[:10].decode(encoding, errors="ignore") for field in draft.layer.fields]
    for field, start in zip(draft.layer.fields, starts, strict=True):
        if starts.count(start) > 1:
            draft = drafts.marked(draft, range(len(draft.cells)), field.name)
    cpg = "UTF-8" if encoding == "utf-8" else "GBK"
    return _bytes(replace(draft, columns=columns), encoding=encoding, cpg=cpg, ldid=0 if encoding == "utf-8" else 0x4D)


def _twice(draft: Draft) -> Draft:
    """Write the name twice, under its title and under an alias, with values that differ."""
    more = [f"{cell}(旧)" if cell else cell for cell in drafts.values(draft, "name")]
    field = next(one for one in draft.layer.fields if one.name == "name")
    return drafts.with_options(replace(draft, columns={**draft.columns, "name": field.zh}),
                               more={field.en: more})  # fmt: skip


_STRICT = "the bytes are no UTF-8, and as GB18030 they give the characters that people write"
_UTF8 = "long runs of valid UTF-8 are never chance"
_LIES = "the declaration gives rare characters or none, another encoding gives common ones"
_UNDONE = "undoing the second encoding gives common characters throughout"
_LOST = "bytes are gone for good; what is left of the text shows it"

SPOILINGS = {
    "gbk_ldid00": Spoiling("encoding unsaid", 8, "file", _STRICT, partial(_bytes, encoding="gbk")),
    "gbk_ldid4d": Spoiling("encoding unsaid", 8, "file", _STRICT, partial(_bytes, encoding="gbk", ldid=0x4D)),
    "gbk_ldid57": Spoiling("encoding unsaid", 8, "file", _STRICT, partial(_bytes, encoding="gbk", ldid=0x57)),
    "gb18030_only": Spoiling("encoding unsaid", 1, "file", _STRICT, _rare),
    "utf8_ldid00": Spoiling("UTF-8 unsaid", 8, "file", _UTF8, partial(_bytes, encoding="utf-8")),
    "utf8_ldid57": Spoiling("UTF-8 unsaid", 8, "file", _UTF8, partial(_bytes, encoding="utf-8", ldid=0x57)),
    "utf8_ldid4d": Spoiling("encoding lies", 8, "file", _UTF8, partial(_bytes, encoding="utf-8", ldid=0x4D)),
    "cpg_utf8_lies": Spoiling("encoding lies", 8, "file", _LIES, partial(_bytes, encoding="gbk", cpg="UTF-8")),
    "cpg_gbk_lies": Spoiling("encoding lies", 8, "file", _LIES, partial(_bytes, encoding="utf-8", cpg="GBK")),
    "cpg_latin_lies": Spoiling("encoding lies", 8, "file", _LIES, partial(_bytes, encoding="gbk", cpg="ISO-8859-1")),
    "double_gbk": Spoiling("encoded twice", 1, "file", _UNDONE, partial(_double, encoding="gb18030")),
    "double_latin": Spoiling("encoded twice", 1, "file", _UNDONE, partial(_double, encoding="latin-1")),
    "double_lossy": Spoiling("encoded twice", 1, "nothing", _LOST, _double_lossy),
    "question_marks": Spoiling("encoded twice", 1, "nothing", _LOST, _question_marks),
    "cut_gbk": Spoiling("text cut", 8, "file", _LOST, partial(_cut, encoding="gbk", cpg="GBK")),
    "cut_gbk_unsaid": Spoiling("text cut", 8, "file", _LOST, partial(_cut, encoding="gbk", cpg=None)),
    "cut_utf8": Spoiling("text cut", 8, "file", _LOST, partial(_cut, encoding="utf-8", cpg="UTF-8", width=13)),
    "cut_utf8_unsaid": Spoiling("text cut", 8, "file", _LOST, partial(_cut, encoding="utf-8", cpg=None, width=13)),
    "over_254_utf8": Spoiling("text cut", 1, "file", _LOST, partial(_long, encoding="utf-8", cpg="UTF-8")),
    "over_254_gbk": Spoiling("text cut", 1, "file", "a text that fills all 254 bytes was cut",
                             partial(_long, encoding="gbk", cpg="GBK")),
    "names_zh": Spoiling("columns renamed", 7, "file", "titles of the layer file", partial(_named, how="zh")),
    "names_pinyin": Spoiling("columns renamed", 7, "file", "names of deliveries", partial(_named, how="pinyin")),
    "names_lower": Spoiling("columns renamed", 7, "file", "names of deliveries", partial(_named, how="lower")),
    "names_en": Spoiling("columns renamed", 7, "file", "titles of the layer file", partial(_named, how="en")),
    "names_alias": Spoiling("columns renamed", 7, "file", "aliases of the layer file", partial(_named, how="alias")),
    "names_spaced": Spoiling("columns renamed", 7, "file", "titles of the layer file", partial(_named, how="spaced")),
    "names_cut_gbk": Spoiling("columns renamed", 7, "file", "what ten bytes keep of the titles",
                              partial(_cut_names, encoding="gbk")),
    "names_cut_utf8": Spoiling("columns renamed", 7, "file", "what ten bytes keep of the titles",
                               partial(_cut_names, encoding="utf-8")),
    "names_no_key": Spoiling("columns renamed", 7, "nothing", "no column is called anything like the key",
                             partial(_named, how="key")),
    "names_twice": Spoiling("columns renamed", 7, "nothing", "two columns claim the name with equal right", _twice),
}  # fmt: skip
