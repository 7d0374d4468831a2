"""What a database server refuses, and what it means: one sentence each, with what to do.

At the door libpq hands out texts alone; afterwards every refusal has its class. Neither an address nor a row enters a
message.
"""

from __future__ import annotations

import re

import psycopg2
from psycopg2 import errors as pg

from gis.errors import GisError, StoreError, StoreLockedError, StorePermissionError

_DOOR: tuple[tuple[str, type[GisError], str], ...] = (
    (
        "definition of service|service file",
        StoreError,
        "there is no such service in ~/.pg_service.conf, or the file that PGSERVICEFILE names; write it there",
    ),
    (
        "no password supplied",
        StorePermissionError,
        "the server asks for a password and none is known; write it into ~/.pgpass or PGPASSWORD",
    ),
    (
        r'authentication failed|role ".*" does not exist|认证失败|角色.*不存在',
        StorePermissionError,
        "the server does not take this user with this password; correct them (~/.pgpass, PGPASSWORD or the address)",
    ),
    (
        "no encryption|SSL off|SSL 关闭|没有加密",
        StoreError,
        "the server takes encrypted connections only; add ?sslmode=require to the address",
    ),
    (
        "does not support SSL",
        StoreError,
        "the address asks for encryption (sslmode) and the server has none; ask its administrator for a certificate",
    ),
    (
        "certificate|root.crt",
        StoreError,
        "the server's certificate is none that this machine trusts; ask its administrator for the root certificate",
    ),
    (
        r"pg_hba\.conf",
        StorePermissionError,
        "the server lets this user in neither from this machine nor into this database; ask its administrator for a "
        "line in pg_hba.conf",
    ),
    (
        "permission denied for database|not permitted to log in|访问数据库|不允许.*登录",
        StorePermissionError,
        "this user may not enter the database; ask its owner for the right to connect",
    ),
    (
        r'database ".*" does not exist|数据库.*不存在',
        StoreError,
        "the server has no database of that name; correct it, or have one made with CREATE DATABASE",
    ),
    (
        "too many c|connection slots|太多",
        StoreError,
        "the server has no connection left; close other programs' connections, or try again in a minute",
    ),
    (
        "starting up|shutting down|recovery mode|not yet accepting|not accepting|启动|关闭",
        StoreError,
        "the server is starting or stopping; try again in a minute",
    ),
    (
        "could not translate host name|could not parse network address",
        StoreError,
        "no machine of that name is known; correct the host in the address, or look at the network",
    ),
    (
        "timeout expired",
        StoreError,
        "the server does not answer in time; look at host, port and network, or try again",
    ),
    (
        "Connection refused|No such file|No route|Network is unreachable|could not connect",
        StoreError,
        "no server answers there; start it, or correct host and port",
    ),
)
_DOORS = [(re.compile(pattern, re.IGNORECASE), kind, said) for pattern, kind, said in _DOOR]

_STOPS = pg.AdminShutdown, pg.CrashShutdown, pg.CannotConnectNow, pg.IdleInTransactionSessionTimeout
_LETTERS = pg.UntranslatableCharacter, pg.CharacterNotInRepertoire


def refused(error: psycopg2.Error, name: str) -> GisError:
    """Return the error to raise where a server does not let us in.

    Parameters
    ----------
    error
        What libpq said; its text may repeat what stood in the address.
    name
        What messages call the store.

    Returns
    -------
    gis.errors.GisError
    """
    for pattern, kind, said in _DOORS:
        if pattern.search(str(error)):
            return kind(f"{name}: {said}", target=name)
    said = "cannot be reached; is the server running, and are host, port, user and password right?"
    return StoreError(f"{name} {said}", target=name)


def explanation(error: psycopg2.Error, name: str, statement: str = "") -> GisError:
    """Return the error to raise for one of the server's.

    Parameters
    ----------
    error
        What the server said.
    name
        What messages call the store.
    statement
        What it was asked, which tells reading from writing.

    Returns
    -------
    gis.errors.GisError
    """
    said = (error.diag.message_primary or "").strip()
    return (
        _locked(error, name)
        or _bare(error, name, statement)
        or _forbidden(error, name, said, statement)
        or _stopped(error, name, said, statement)
        or _unfit(error, name)
        or StoreError(f"{name}: {said}; mend that, or ask the database's administrator", target=name)
    )


def _locked(error: psycopg2.Error, name: str) -> GisError | None:
    """Return the error for a store that somebody else holds."""
    if isinstance(error, pg.LockNotAvailable | pg.DeadlockDetected | pg.SerializationFailure):
        return StoreLockedError(f"{name} is being written by somebody else; try again", target=name)
    return None


def _bare(error: psycopg2.Error, name: str, statement: str) -> GisError | None:
    """Return the error for a database without PostGIS to which it cannot be added."""
    if not statement.startswith("CREATE EXTENSION") or error.pgcode is None:
        return None
    if isinstance(error, pg.InsufficientPrivilege):
        advice = "and this user may not add it; ask its administrator to run CREATE EXTENSION postgis there"
        return StorePermissionError(f"{name}: the database has no PostGIS, {advice}", target=name)
    advice = "and the server has none to add; ask its administrator to install PostGIS"
    return StoreError(f"{name}: the database has no PostGIS, {advice}", target=name)


def _forbidden(error: psycopg2.Error, name: str, said: str, statement: str) -> GisError | None:
    """Return the error for a right that is missing, told apart by what was asked."""
    if isinstance(error, pg.ReadOnlySqlTransaction):
        why = "the server is a standby, or the database or user is set to read only"
        return StorePermissionError(
            f"{name} may not be written, only read: {why}; write through the primary server, or ask for the right",
            target=name,
        )
    if not isinstance(error, pg.InsufficientPrivilege):
        return None
    asked = statement.lstrip().upper()
    what = "read" if asked.startswith("SELECT") else "made" if asked.startswith("CREATE SCHEMA") else "written"
    return StorePermissionError(
        f"{name} may not be {what} by this user ({said}); ask its owner for the right", target=name
    )


def _stopped(error: psycopg2.Error, name: str, said: str, statement: str) -> GisError | None:
    """Return the error for work that the server broke off; a change is stored whole or not at all."""
    if isinstance(error, pg.QueryCanceled):
        return StoreError(
            f"{name}: the server stopped a statement that took too long, or somebody did ({said}); this change is not "
            "stored: raise statement_timeout for this user, or try again when less is going on",
            target=name,
        )
    if isinstance(error, pg.DiskFull):
        return StorePermissionError(
            f"{name}: the server's disk is full; the store is as it was: make room there, then try again", target=name
        )
    # what libpq finds broken itself has no class
    if isinstance(error, (*_STOPS, psycopg2.InterfaceError)) or error.pgcode is None:
        # whoever loses the answer to its last word does not know what became of it
        kept = (
            "whether this change is stored is not known: look at gis history, and"
            if statement == "COMMIT"
            else ("this change is not stored:")
        )
        return StoreError(
            f"{name}: the server has gone away, or ended this connection; {kept} try again when it runs", target=name
        )
    return None


def _unfit(error: psycopg2.Error, name: str) -> GisError | None:
    """Return the error for a database that cannot take what we have, or holds what is in the way."""
    if isinstance(error, _LETTERS):
        return StoreError(
            f"{name}: the database's encoding has not all letters of these texts; move the store into a database made "
            "with ENCODING 'UTF8'",
            target=name,
        )
    depends = (error.diag.message_detail or "").strip().replace("\n", "; ")
    if isinstance(error, pg.DependentObjectsStillExist) or (isinstance(error, pg.FeatureNotSupported) and depends):
        return StoreError(f"{name}: {depends}; drop that first, and make it anew afterwards", target=name)
    return None
