"""Addresses of databases in what people read: a password may stand in one, and is shown to nobody.

`shown` is what a store is called, everywhere; `masked` is for texts that may repeat what somebody typed.
"""

from __future__ import annotations

import re
from urllib.parse import quote

# an address that nobody can read for sure, and nobody is shown
HIDDEN = "postgresql://…"

_DATABASE = re.compile(r"\s*postgres(?:ql)?:/", re.IGNORECASE)
# addresses of databases as other libraries write them, and lists such as "host=… password=…"
_FOREIGN = re.compile(
    r"\s*(?:postgres(?:ql)?\+\w+:|pg:|"
    r"(?:password|passfile|sslpassword|user|host|hostaddr|port|dbname|service)\s*=)",
    re.IGNORECASE,
)
_HOST = r"(?:[\w.~-]|%[0-9A-Fa-f]{2})*|\[[0-9A-Fa-f:.]+\]"
_HOSTS = rf"(?:{_HOST})(?::\d*)?(?:,(?:{_HOST})(?::\d*)?)*"
_WORD = r"(?:[\w.~+-]|%[0-9A-Fa-f]{2})"
# libpq reads a password up to the first @, and what is before a / is none
_ADDRESS = re.compile(
    rf"\s*postgres(?:ql)?://(?:(?P<user>{_WORD}*)(?P<password>:[^@/]*)?@)?(?P<hosts>{_HOSTS})"
    rf"(?:/(?P<database>{_WORD}*))?(?:\?(?P<options>[^?#@]*))?\s*",
    re.IGNORECASE,
)
# what tells one store from another; all else that may stand in an address is nobody's business
_TOLD = ("service", "host", "hostaddr", "port", "dbname", "user", "schema", "sslmode")
_SECRET = re.compile(r"(?:ssl)?password", re.IGNORECASE)

_QUOTED = re.compile(r"[^\w.~+%,:/\[\]-]")
_OPTION = rf"(?:{'|'.join(_TOLD)})=(?:{_WORD}|[%,:/\[\]])*"
_REST = rf"(?:{_HOSTS})(?:/{_WORD}*)?(?:\?{_OPTION}(?:&{_OPTION})*)?"
_END = r"(?=[.,;:]?(?:\s|$)|['\")。,;:(])"
# an address as `shown` writes it stays, where no @ follows that may be the end of its password; any other goes
_WRITTEN = re.compile(
    rf"(?P<plain>postgresql://(?:…|{_WORD}+@{_REST}{_END}|{_REST}{_END}(?![^\n]*@)))"
    r"|postgres(?:ql)?(?:\+\w+)?:/(?:[^\n]*@)?[^\s'\",;)。,;(]*",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?P<name>\b(?:ssl)?(?:password|passwd|pwd))\s*=\s*(?:'(?:[^'\\]|\\.)*'|\"[^\"]*\"|[^\s&;,'\"]+)", re.IGNORECASE
)


def is_database(target: object) -> bool:
    """Tell whether a store's name is the address of a database.

    Parameters
    ----------
    target
        What somebody gave as a store.

    Returns
    -------
    bool
    """
    return _DATABASE.match(str(target)) is not None


def is_foreign(target: object) -> bool:
    """Tell whether a store's name looks like a database's, in a form that is not ours.

    Parameters
    ----------
    target
        What somebody gave as a store.

    Returns
    -------
    bool
        True for "postgresql+psycopg2://…", "PG:…" and "host=… password=…".
    """
    return _FOREIGN.match(str(target)) is not None


def has_password(target: object) -> bool:
    """Tell whether a password stands, or may stand, in the address of a database.

    Parameters
    ----------
    target
        What somebody gave as a store.

    Returns
    -------
    bool
    """
    if not is_database(target):
        return is_foreign(target)
    found = _ADDRESS.fullmatch(str(target))
    return found is None or bool(found["password"]) or _SECRET.search(found["options"] or "") is not None


def shown(target: object) -> str:
    """Return what a store is called in everything that people read: its address without what is secret in it.

    Parameters
    ----------
    target
        A path, or the address of a database.

    Returns
    -------
    str
        The path; or an address of which user, host, port, database, service and schema are left, which opens the same
        store for whom the server knows. One in which they cannot be told from a password is not shown at all.

    Examples
    --------
    >>> shown("postgresql://planner:secret@db.example/town?schema=haidian&sslmode=require")
    'postgresql://planner@db.example/town?schema=haidian&sslmode=require'
    >>> shown("postgresql://planner:se/cret@db.example/town")
    'postgresql://…'
    """
    if is_foreign(target):
        return HIDDEN
    if not is_database(target):
        return str(target)
    found = _ADDRESS.fullmatch(str(target))
    if found is None:
        return HIDDEN
    parts = (part.partition("=") for part in (found["options"] or "").split("&"))
    options = [f"{name}={_QUOTED.sub(lambda odd: quote(odd[0]), value)}" for name, _, value in parts if name in _TOLD]
    user = f"{found['user']}@" if found["user"] else ""
    database = "" if found["database"] is None else f"/{found['database']}"
    return f"postgresql://{user}{found['hosts']}{database}{'?' if options else ''}{'&'.join(options)}"


def masked(text: str) -> str:
    """Return a text in which no address of a database shows its password.

    Parameters
    ----------
    text
        Any text, such as a message that repeats what somebody typed.

    Returns
    -------
    str
        Addresses as `shown` writes them, or not at all where it is not sure where they end.
    """
    if "postgres" not in (lower := text.lower()) and "pass" not in lower and "pwd" not in lower:
        return text
    told = _WRITTEN.sub(lambda found: found["plain"] or shown(found[0]), text)
    return _NAMED.sub(lambda found: f"{found['name']}=…", told)
