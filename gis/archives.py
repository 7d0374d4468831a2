"""Safe zips: what their members are called, what may be unpacked, and how a package is packed the same way twice.

Files come from anywhere. A member may try to leave the folder, be a link, or grow a thousandfold; its name may be GBK
without a word about it (traps.md, "Zips"). Everything is judged before the first byte is written.
"""

from __future__ import annotations

import hashlib
import lzma
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from gis import writing
from gis.errors import SourceError, UnknownNameError

# what file managers leave behind; never data
_JUNK_NAMES = {".ds_store", "thumbs.db", "desktop.ini"}
_JUNK_FOLDERS = {"__macosx", ".git", ".svn"}
# device names that Windows gives no file, whatever the extension
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
_UTF8_FLAG = 0x800
_ENCRYPTED_FLAG = 0x1
# a shapefile of blank fields may well shrink a hundredfold; only large members can be bombs
_SMALL = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
_FAULTS = {
    "escape": "leaves the folder",
    "name": "has a name that not every system can store",
    "link": "is a link",
    "encrypted": "is encrypted",
    "duplicate": "is there twice",
    "ratio": "grows too much when unpacked",
    "size": "is too large",
}


@dataclass(frozen=True)
class Limits:
    """Say how much may come out of one zip.

    Parameters
    ----------
    members
        Number of files.
    member_bytes, total_bytes
        Size of one file and of all, in bytes; a shapefile's own limit is 2 GiB.
    ratio
        Unpacked size ÷ packed size of one file of more than 1 MiB; the usual method (deflate) ends at 1032.
    """

    members: int = 10_000
    member_bytes: int = 4 << 30
    total_bytes: int = 16 << 30
    ratio: float = 1100.0


@dataclass(frozen=True)
class Member:
    """Describe one file of a zip as a person reads its name.

    Parameters
    ----------
    name
        Path with forward slashes, decoded.
    size
        Unpacked size in bytes, as the zip says.
    encoding
        How the name was decoded: "ascii", "utf-8", "gbk" or what was said.
    junk
        Whether it is something that a file manager left behind.
    fault
        Why it may not be unpacked ("escape", "name", "link", "encrypted", "duplicate", "ratio", "size"), or "".
    """

    name: str
    size: int
    encoding: str
    junk: bool = False
    fault: str = ""


def foreign_names(path: Path) -> tuple[tuple[bytes, ...], bool]:
    """Return the names beyond ASCII as they are stored.

    Parameters
    ----------
    path
        The zip.

    Returns
    -------
    tuple
        Those that do not say their encoding, as bytes in the zip's order, and whether there are others that are marked
        as UTF-8.

    Raises
    ------
    SourceError
        The file is missing, is no zip, or is damaged.
    """
    with _opened(path) as archive:
        entries = [info for info in archive.infolist() if not info.orig_filename.isascii()]
        silent = tuple(info.orig_filename.encode("cp437") for info in entries if not info.flag_bits & _UTF8_FLAG)
        return silent, len(silent) < len(entries)


def members(path: Path, *, limits: Limits | None = None, names: str | None = None) -> tuple[Member, ...]:
    """List the files of a zip, faults and junk included; folders are left out.

    Parameters
    ----------
    path
        The zip.
    limits
        What counts as too large; None takes the defaults of `Limits`.
    names
        Encoding of names that do not say theirs; None takes UTF-8 where it spells Chinese, else GBK.

    Returns
    -------
    tuple of Member
        In the zip's order.

    Raises
    ------
    SourceError
        The file is missing, is no zip, is damaged, or a name is neither UTF-8 nor GBK.
    """
    with _opened(path) as archive:
        return tuple(member for member, _ in _listed(archive, path, limits or Limits(), names))


def read(path: Path, name: str, *, limits: Limits | None = None) -> bytes:
    """Return the content of one file of a zip.

    Parameters
    ----------
    path
        The zip.
    name
        The member's decoded name.
    limits
        As for `members`.

    Returns
    -------
    bytes

    Raises
    ------
    SourceError
        The zip or the member is damaged, or the member has a fault.
    UnknownNameError
        No such member.
    """
    with _opened(path) as archive:
        listed = _listed(archive, path, limits or Limits())
        for member, info in listed:
            if member.name == name:
                _refuse(path, [member])
                with _reading(path, name):
                    return archive.read(info)
    known = ", ".join(member.name for member, _ in listed)
    raise UnknownNameError(f"{path.name} has no member {name!r}; it has {known}", member=name)


def extract(path: Path, folder: Path, *, limits: Limits | None = None, names: str | None = None) -> tuple[Path, ...]:
    """Unpack a zip into a folder; nothing is written unless every member may be unpacked.

    Parameters
    ----------
    path
        The zip.
    folder
        Target; made if needed.
    limits, names
        As for `members`.

    Returns
    -------
    tuple of pathlib.Path
        The files written, without junk.

    Raises
    ------
    SourceError
        The zip is damaged, exceeds the limits, or holds members that leave the folder, are links, are encrypted or are
        there twice; the message names the first ones and why, `details["members"]` all.
    """
    allowed = limits or Limits()
    with _opened(path) as archive:
        listed = [pair for pair in _listed(archive, path, allowed, names) if not pair[0].junk]
        found = [member for member, _ in listed]
        _refuse(path, found)
        total = sum(member.size for member in found)
        if len(found) > allowed.members or total > allowed.total_bytes:
            raise SourceError(
                f"{path.name} would unpack to {len(found):,} files and {total:,} bytes; allowed are "
                f"{allowed.members:,} files and {allowed.total_bytes:,} bytes",
                file=path.name,
            )
        written: list[Path] = []
        for member, info in listed:
            target = folder / PurePosixPath(member.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with _reading(path, member.name), archive.open(info) as source:
                written.append(target)
                _copy(source, target, written)
    return tuple(written)


def pack(items: Path | Mapping[str, Path | bytes], out: Path) -> Path:
    """Write a zip that has the same bytes whenever its content is the same.

    Parameters
    ----------
    items
        A folder, whose files are all taken, or content by member name (a file or bytes).
    out
        The zip; an existing one is replaced at the end, in one step.

    Returns
    -------
    pathlib.Path
        `out`.

    Raises
    ------
    SourceError
        A member's name is one that `extract` would refuse.
    StorePermissionError
        The system does not let us write there.

    Notes
    -----
    Members are sorted by name and all carry the date 1980-01-01; names outside ASCII are marked as UTF-8.
    """
    content: Mapping[str, Path | bytes] = _files(items) if isinstance(items, Path) else items
    bad = [name for name in content if _name_fault(name)]
    if bad:
        raise SourceError(f"{', '.join(map(repr, bad))}: not a name for a member of a zip", members=bad)
    with writing.whole(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(content):
            source = content[name]
            info = zipfile.ZipInfo(name, _EPOCH)
            # the same on every system, so that a package packed on Windows equals one packed elsewhere
            info.create_system = 3
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, source.read_bytes() if isinstance(source, Path) else source)
    return out


def digest(content: Path | bytes) -> str:
    """Return the SHA-256 of a file or of bytes in hexadecimal.

    Parameters
    ----------
    content
        A file's path or its bytes.

    Returns
    -------
    str
        64 digits.
    """
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip for reading, or say why it cannot be."""
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "a pipe or a device"
        raise SourceError(f"{path.name} is {what}; give a file that is a zip", file=path.name)
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise SourceError(f"no file {path.name}", file=path.name) from None
    except (zipfile.BadZipFile, UnicodeDecodeError, OSError, NotImplementedError) as error:
        raise SourceError(f"{path.name} is not a readable zip ({error}); pack it again", file=path.name) from None
    with archive:
        yield archive


@contextmanager
def _reading(path: Path, name: str) -> Iterator[None]:
    """Turn what can go wrong inside one member into one error."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError) as error:
        raise SourceError(f"{path.name}: member {name!r} is damaged ({error})", file=path.name, member=name) from None
    except OSError as error:
        # bzip2 words its own damage as a fault of the system, without a number
        if error.errno is not None:
            raise
        raise SourceError(f"{path.name}: member {name!r} is damaged ({error})", file=path.name, member=name) from None


def _copy(source: object, target: Path, written: list[Path]) -> None:
    """Copy one member in pieces; when it turns out damaged, take back all that was written."""
    try:
        with target.open("wb") as file:
            while piece := source.read(1 << 20):  # type: ignore[attr-defined]
                file.write(piece)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _listed(
    archive: zipfile.ZipFile, path: Path, limits: Limits, names: str | None = None
) -> list[tuple[Member, zipfile.ZipInfo]]:
    """Return the members with their entries, faults found."""
    listed = []
    for info in archive.infolist():
        name, encoding = _decoded(info, path, names)
        if not name.endswith("/"):
            member = Member(name, info.file_size, encoding, _is_junk(name), _fault(name, info, limits))
            listed.append((member, info))
    # Windows and macOS take A.shp and a.shp for one file
    seen = Counter(member.name.casefold() for member, _ in listed)
    # nor can one name be a file and a folder
    seen.update({str(folder) for name in list(seen) for folder in PurePosixPath(name).parents} & set(seen))
    return [
        (replace(member, fault="duplicate") if seen[member.name.casefold()] > 1 and not member.fault else member, info)
        for member, info in listed
    ]


def _decoded(info: zipfile.ZipInfo, path: Path, names: str | None) -> tuple[str, str]:
    """Return a member's name and how it was decoded."""
    # orig_filename, because on Windows zipfile has replaced backslashes, also those that are half of a GBK character
    if info.flag_bits & _UTF8_FLAG:
        name, encoding = info.orig_filename, "utf-8"
    else:
        raw = info.orig_filename.encode("cp437")
        name, encoding = _guessed(raw, path) if names is None else (raw.decode(names), names)
    # some Windows tools write backslashes, which the format forbids
    return name.replace("\\", "/"), "ascii" if name.isascii() else encoding


def _guessed(raw: bytes, path: Path) -> tuple[str, str]:
    """Decode a name that does not say its encoding: UTF-8 if it spells Chinese that way, else strict GBK."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        name = ""
    # two-byte UTF-8 would be Latin or Cyrillic here; such bytes are nearly always GBK
    if name and not any("\x80" <= letter < "\u0800" for letter in name):
        return name, "utf-8"
    try:
        return raw.decode("gbk"), "gbk"
    except UnicodeDecodeError:
        raise SourceError(
            f"{path.name}: a member's name is neither UTF-8 nor GBK ({raw!r}); pack it again", file=path.name
        ) from None


def _fault(name: str, info: zipfile.ZipInfo, limits: Limits) -> str:
    """Return why a member may not be unpacked, or an empty text."""
    if fault := _name_fault(name):
        return fault
    if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "link"
    if info.flag_bits & _ENCRYPTED_FLAG:
        return "encrypted"
    if info.file_size > limits.member_bytes:
        return "size"
    if info.file_size > _SMALL and info.file_size > limits.ratio * max(info.compress_size, 1):
        return "ratio"
    return ""


def _name_fault(name: str) -> str:
    """Return whether a name leaves the folder ("escape") or cannot be stored everywhere ("name")."""
    parts = name.split("/")
    drive = len(name) > 1 and name[1] == ":"
    if name.startswith("/") or drive or ".." in parts:
        return "escape"
    for part in parts:
        unstorable = not part or part == "." or part[-1] in ". " or any(c < " " or c in '<>:"|?*\\' for c in part)
        if unstorable or part.split(".")[0].rstrip().casefold() in _DEVICES:
            return "name"
    return ""


def _is_junk(name: str) -> bool:
    """Tell whether a file manager or an office program left this file behind."""
    folders, last = name.casefold().split("/")[:-1], name.casefold().split("/")[-1]
    return last in _JUNK_NAMES or last.startswith(("._", "~$")) or bool(_JUNK_FOLDERS & set(folders))


def _refuse(path: Path, found: list[Member]) -> None:
    """Raise one error that names the members with a fault."""
    bad = [member for member in found if member.fault]
    if bad:
        shown = "; ".join(f"{member.name!r} {_FAULTS[member.fault]}" for member in bad[:5])
        more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
        raise SourceError(
            f"{path.name} is not unpacked: {shown}{more}", file=path.name, members=[(m.name, m.fault) for m in bad]
        )


def _files(folder: Path) -> dict[str, Path | bytes]:
    """Return the files under a folder by their path in it."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
