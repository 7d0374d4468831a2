"""The paper of a drawing: an A3 sheet in millimetres, its scale, frame, grid, north arrow and the block of signatures.

A sheet is drawn with matplotlib on a figure of its own, without pyplot and without any setting of the reader's, so that
the same input gives the same bytes. Texts are never read as mathematics: a name with dollar signs stays a name.
matplotlib is imported where something is drawn: it takes long, and most commands draw no sheet.
"""

from __future__ import annotations

import datetime
import glob
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gis import writing
from gis.errors import UsageError
from gis.publish import typeface
from gis.publish.notice import DRAFTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# practice.md, "Sheets and workbooks"
SCALES = (500, 1000, 2000, 5000, 10_000, 25_000)
WIDTH_MM, HEIGHT_MM = 420.0, 297.0
INK, GREY, PALE, RED = "#1f2328", "#6b7078", "#c9ccd1", "#b02a37"
HALO = "#ffffff"
FORMATS = (".pdf", ".png")
# ten pixels a millimetre: the scale is exact in pixels too
_DPI = 254
# without hinting, so that letters stand where their outlines do in pixels too
_PLAIN: dict[Any, Any] = {"pdf.fonttype": 3, "pdf.compression": 6, "hatch.linewidth": 0.5, "path.simplify": False}
_PLAIN |= {"text.hinting": "no_hinting"}
# controls and every kind of blank or break, and marks of no width
_BLANKS = ("Cc", "Cf", "Zs", "Zl", "Zp")
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))
_MM_A_POINT = 25.4 / 72
# how much wider (of the size) an outline makes the strokes of bold letters
_BOLDER = 0.045
_MARGIN_MM = 8.0


@dataclass(frozen=True)
class TitleBlock:
    """Say who answers for a sheet (图签); what is empty is left as a line to be signed by hand.

    Parameters
    ----------
    draft
        稿别: 征求意见稿, 送审稿, 报批稿 or 公示稿; empty leaves the place blank.
    unit
        编制单位.
    prepared, checked, reviewed, approved
        编制, 校核, 审核, 审定: names.
    date
        日期 of the sheet.
    data_to
        数据截止.
    sources
        数据来源, in words.
    waiting, remarks
        Rows that wait and are not drawn or counted, and what the data lack for all that is drawn, in words.
    """

    draft: str = ""
    unit: str = ""
    prepared: str = ""
    checked: str = ""
    reviewed: str = ""
    approved: str = ""
    date: datetime.date | None = None
    data_to: datetime.date | None = None
    sources: str = ""
    waiting: str = ""
    remarks: str = ""

    def __post_init__(self) -> None:
        """Refuse a kind of draft that does not exist."""
        if self.draft and self.draft not in DRAFTS:
            raise UsageError(f"draft is {self.draft!r}; allowed: {', '.join(DRAFTS)}", draft=self.draft)


@dataclass(frozen=True)
class Box:
    """Hold a rectangle of the sheet in mm from its lower left corner."""

    left: float
    bottom: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Return the right side."""
        return self.left + self.width

    @property
    def top(self) -> float:
        """Return the upper side."""
        return self.bottom + self.height


class Sheet:
    """Hold one A3 sheet while it is drawn: `page` is an axis in mm over all of it, `figure` what is saved.

    `cut` are the texts that stand on it cut short, or not at all, whole and each once: a further page says them.
    """

    def __init__(self) -> None:
        from matplotlib.figure import Figure

        self.figure = Figure(figsize=(WIDTH_MM / 25.4, HEIGHT_MM / 25.4), dpi=_DPI, facecolor="white")
        self.page = self.figure.add_axes((0.0, 0.0, 1.0, 1.0), label="page")
        self.page.set(xlim=(0, WIDTH_MM), ylim=(0, HEIGHT_MM))
        self.page.set_axis_off()
        self.page.patch.set_alpha(0)
        self.cut: dict[str, None] = {}

    def fitted(self, said: object, room: float, size: float) -> str:
        """Return a text as `wrapped` does, in one line.

        Parameters
        ----------
        said, room, size
            As for `wrapped`.

        Returns
        -------
        str
        """
        return "".join(self.wrapped(said, room, size, 1))

    def wrapped(self, said: object, room: float, size: float, lines: int) -> list[str]:
        """Return a text in lines that fit, and note the whole of it if the last one is cut.

        Parameters
        ----------
        said, room, size, lines
            As for `wrapped`.

        Returns
        -------
        list of str
        """
        whole, found = printable(said), wrapped(said, room, size, lines)
        if found and found[-1].endswith("…") and not whole.endswith(found[-1]):
            self.cut[whole] = None
        return found

    def text(self, x: float, y: float, said: object, size: float = 7.0, **style: Any) -> None:
        """Write a text at a place.

        Parameters
        ----------
        x, y
            Millimetres.
        said
            The text.
        size
            Points.
        **style
            matplotlib's, as `write` takes them.
        """
        write(self.page, x, y, said, size, **style)

    def line(self, *points: tuple[float, float], colour: str = INK, width: float = 0.4) -> None:
        """Draw a line.

        Parameters
        ----------
        *points
            Places in mm.
        colour
            Its colour.
        width
            Points.
        """
        from matplotlib.lines import Line2D

        xs, ys = zip(*points, strict=True)
        self.page.add_line(Line2D(xs, ys, color=colour, linewidth=width, solid_capstyle="butt"))

    def box(self, box: Box, *, fill: str = "none", line: str = "none", width: float = 0.4, **style: Any) -> None:
        """Draw a rectangle.

        Parameters
        ----------
        box
            Its place.
        fill, line
            Colours, or none.
        width
            Width of its border (points).
        **style
            matplotlib's.
        """
        from matplotlib.patches import Rectangle

        place = (box.left, box.bottom)
        self.page.add_patch(Rectangle(place, box.width, box.height, fc=fill, ec=line, lw=width, **style))

    def axes(self, box: Box, name: str) -> Axes:
        """Return axes without ticks that fill a box.

        Parameters
        ----------
        box
            Their place.
        name
            Their label.

        Returns
        -------
        matplotlib.axes.Axes
        """
        share = (box.left / WIDTH_MM, box.bottom / HEIGHT_MM, box.width / WIDTH_MM, box.height / HEIGHT_MM)
        made = self.figure.add_axes(share, label=name, zorder=-1)
        made.set(xticks=[], yticks=[])
        return made

    def frame(self, title: str, notices: Sequence[str], draft: str) -> None:
        """Draw the border of the sheet, its name, its kind of draft and what must be said on every internal sheet.

        Parameters
        ----------
        title
            图名.
        notices
            One or two lines.
        draft
            稿别, or an empty text.
        """
        outer = _MARGIN_MM
        self.box(Box(outer, outer, WIDTH_MM - 2 * outer, HEIGHT_MM - 2 * outer), line=INK, width=1.4)
        self.text(15, 280, title, 19, bold=True, va="center")
        if draft:
            x = 15 + width(title, 19) + 8
            self.box(Box(x, 276.6, width(draft, 9) + 6, 6.8), line=INK, width=0.8)
            self.text(x + 3, 280, draft, 9, va="center")
        for number, notice in enumerate(notices):
            y = 282.3 - 5.4 * number if len(notices) > 1 else 280
            self.text(405, y, notice, 9.5, ha="right", va="center", color=RED, bold=True)


def save(sheets: Sequence[Sheet], path: Path) -> Path:
    """Write sheets without a date and a program's name, so that their bytes repeat.

    Parameters
    ----------
    sheets
        The pages, first to last.
    path
        *.pdf holds them all; of a picture (*.png) further pages stand beside it as *.2.png, *.3.png. Replaced in one
        step; pictures of pages that are no more are removed.

    Returns
    -------
    pathlib.Path
        `path`.
    """
    from matplotlib.backends.backend_pdf import PdfPages

    if checked_suffix(path) == ".pdf":
        blank: dict[str, None] = {"Creator": None, "Producer": None, "CreationDate": None}
        with writing.whole(path) as temporary, plain(), PdfPages(temporary, metadata=blank) as book:
            for sheet in sheets:
                book.savefig(sheet.figure, dpi=_DPI)
        return path
    for number, sheet in enumerate(sheets, start=1):
        page = path if number == 1 else path.with_suffix(f".{number}{path.suffix}")
        with writing.whole(page) as temporary, plain():
            sheet.figure.savefig(temporary, format="png", dpi=_DPI, metadata={"Software": None})
    for old in path.parent.glob(f"{glob.escape(path.stem)}.*{path.suffix}"):
        number_of = old.name.removeprefix(f"{path.stem}.").removesuffix(path.suffix)
        if number_of.isdecimal() and int(number_of) > len(sheets):
            old.unlink()
    return path


@contextmanager
def plain(font: Path | None = None) -> Iterator[None]:
    """Set aside the reader's own matplotlib settings, which would change a sheet, for the length of a block.

    Parameters
    ----------
    font
        Typeface, as `typeface.used` takes it.

    Yields
    ------
    None
    """
    from matplotlib import style as looks

    with typeface.used(font), looks.context(["default", _PLAIN]):
        yield


def checked_suffix(path: Path) -> str:
    """Return the suffix of a sheet's file.

    Parameters
    ----------
    path
        *.pdf or *.png.

    Returns
    -------
    str
        In small letters.

    Raises
    ------
    UsageError
        Another suffix.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        allowed = ", ".join(FORMATS)
        raise UsageError(f"{path.name}: {suffix or 'no suffix'} cannot be drawn; allowed: {allowed}", suffix=suffix)
    return suffix


def printable(said: object) -> str:
    """Return a value as one line that the typeface can draw.

    Parameters
    ----------
    said
        Text of whatever content.

    Returns
    -------
    str
        Controls and breaks as blanks, letters that the typeface lacks as □.
    """
    known = typeface.letters()
    plain = str(said).translate(_UNSEEN)
    blanked = (" " if unicodedata.category(letter) in _BLANKS else letter for letter in plain)
    return " ".join("".join(letter if ord(letter) in known else "□" for letter in blanked).split())


def write(axes: Axes, x: float, y: float, said: object, size: float, **style: Any) -> None:
    """Write text in the typeface, never as mathematics.

    Parameters
    ----------
    axes
        Where.
    x, y
        The place in the axes' own coordinates.
    said
        Lines are parted by a line break; everything else is printed as it is.
    size
        Points.
    **style
        Passed to matplotlib; `halo` is the width (points) of a white edge, `bold` makes strokes wider.
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.patheffects import Stroke

    halo, bold = style.pop("halo", 0.0), style.pop("bold", False)
    lines = "\n".join(printable(line) for line in str(said).split("\n"))
    face = FontProperties(fname=str(typeface.file()), size=size)
    options: dict[str, Any] = {"color": INK, "va": "center", "linespacing": 1.25} | style
    options |= {"fontproperties": face, "parse_math": False, "usetex": False}
    wider = size * _BOLDER if bold else 0.0
    edges = [Stroke(linewidth=halo + wider, foreground=HALO)] if halo else []
    edges += [Stroke(linewidth=wider, foreground=options["color"])] if bold else []
    if edges:
        # under the text, which stays a text that can be searched for
        axes.text(x, y, lines, path_effects=edges, **options)
    axes.text(x, y, lines, **options)


def width(said: object, size: float) -> float:
    """Return the width of a line of text in mm: a Chinese letter is a square, others a little over half of one.

    Parameters
    ----------
    said
        One line.
    size
        Points.

    Returns
    -------
    float
    """
    ems = sum(1.0 if unicodedata.east_asian_width(letter) in "WFA" else 0.56 for letter in str(said))
    return ems * size * _MM_A_POINT


def fitted(said: object, room: float, size: float) -> str:
    """Return a text cut with … so that it fits.

    Parameters
    ----------
    said
        One line.
    room
        Millimetres.
    size
        Points.

    Returns
    -------
    str
    """
    text = printable(said)
    if width(text, size) <= room:
        return text
    while text and width(text + "…", size) > room:
        text = text[:-1]
    return text + "…"


def wrapped(said: object, room: float, size: float, lines: int) -> list[str]:
    """Return a text in lines that fit, the last one cut with … if need be.

    Parameters
    ----------
    said
        Text.
    room
        Millimetres.
    size
        Points.
    lines
        How many at most.

    Returns
    -------
    list of str
    """
    rest, found = printable(said), list[str]()
    while rest and len(found) < lines - 1:
        taken = len(rest)
        while taken > 1 and width(rest[:taken], size) > room:
            taken -= 1
        # a closing mark does not begin a line
        while 1 < taken < len(rest) and rest[taken] in ",。;:、)》」·":
            taken -= 1
        found.append(rest[:taken].strip())
        rest = rest[taken:].strip()
    return [*found, fitted(rest, room, size)] if rest else found


def scale_for(east_m: float, north_m: float, box: Box) -> int:
    """Return the largest scale of the profession at which a ground fits into a box.

    Parameters
    ----------
    east_m, north_m
        Size of the ground.
    box
        Place on the sheet (mm).

    Returns
    -------
    int
        Denominator; the smallest scale where none is enough.
    """
    for scale in SCALES:
        if east_m * 1000 <= box.width * scale and north_m * 1000 <= box.height * scale:
            return scale
    return SCALES[-1]


def scale_text(scale: int) -> str:
    """Return a scale as the profession writes it.

    Parameters
    ----------
    scale
        Denominator.

    Returns
    -------
    str
        1:2000, 1:1万, 1:2.5万.
    """
    return f"1:{scale / 10_000:g}万" if scale >= 10_000 else f"1:{scale}"
