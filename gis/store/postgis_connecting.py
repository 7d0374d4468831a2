"""The way into a database: its address taken apart, the door, and where its PostGIS is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import parse_dsn

from gis import addresses
from gis.errors import StoreError, UsageError
from gis.store.postgis_refusals import refused

SCHEMA = "gis"
# how long a silent server is waited for where the address does not say it
_PATIENCE_S = 10


def parted(dsn: str) -> tuple[dict[str, str], str]:
    """Take the address of a database apart.

    Parameters
    ----------
    dsn
        "postgresql://user@host:port/database?schema=gis", with any option of libpq.

    Returns
    -------
    tuple
        What libpq is told, and the schema.

    Raises
    ------
    UsageError
        It is none, or not one that everybody reads the same way. Nothing of it is repeated: a password may be in it.
    """
    plain = all(letter.isprintable() for letter in dsn)
    if not plain or addresses.shown(dsn) == addresses.HIDDEN:
        raise _unclear()
    head, mark, options = dsn.strip().rpartition("?") if _has_options(dsn) else (dsn.strip(), "", "")
    told = options.split("&") if options else []
    schemas = [unquote_plus(part.removeprefix("schema=")) for part in told if part.startswith("schema=")]
    others = [part for part in told if not part.startswith("schema=")]
    try:
        parts = parse_dsn(head + (mark if others else "") + "&".join(others))
    except (psycopg2.Error, ValueError):
        raise _unclear() from None
    if "search_path" in parts.get("options", "") and not schemas:
        raise UsageError("the schema of a store is named as ?schema=NAME, not by search_path in options; write it so")
    return parts, (schemas[-1] if schemas else SCHEMA) or SCHEMA


def connect(parts: dict[str, str], name: str) -> Connection:
    """Open a connection.

    Parameters
    ----------
    parts
        What libpq is told.
    name
        What messages call the store.

    Returns
    -------
    connection

    Raises
    ------
    StoreError, StorePermissionError
        The server does not let us in.
    """
    patience = {} if "connect_timeout" in parts else {"connect_timeout": _PATIENCE_S}
    try:
        return psycopg2.connect(**patience, **parts)
    except psycopg2.Error as error:
        # what libpq says may repeat what stood in the address
        raise refused(error, name) from None


def require_letters(run: Callable[..., list[Any]], name: str) -> None:
    """Refuse a database that cannot keep every text, before a store is made in it.

    Parameters
    ----------
    run
        Runs a statement.
    name
        What messages call the store.

    Raises
    ------
    StoreError
        Its encoding is not UTF8.
    """
    encoding = run("SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()")[0][0]
    if encoding != "UTF8":
        raise StoreError(
            f"{name}: the database's encoding is {encoding}, a store needs UTF8; have one made with CREATE DATABASE … "
            "ENCODING 'UTF8' TEMPLATE template0",
            target=name,
        )


def find_postgis(run: Callable[..., list[Any]], name: str) -> str | None:
    """Put the schema of PostGIS on the search path where it is not there already.

    Parameters
    ----------
    run
        Runs a statement.
    name
        What messages call the store.

    Returns
    -------
    str or None
        The schema that had to be put there; triggers that other programs set off need it too.

    Raises
    ------
    StoreError
        The database has no PostGIS.
    """
    found = run(
        "SELECT nspname, nspname = ANY(current_schemas(true)), has_schema_privilege(n.oid, 'USAGE') "
        "FROM pg_extension JOIN pg_namespace AS n ON n.oid = extnamespace WHERE extname = 'postgis'"
    )
    if not found:
        raise StoreError(
            f"{name}: the database has no PostGIS; have CREATE EXTENSION postgis run there, or correct its name",
            target=name,
        )
    schema, there, usable = found[0]
    if there:
        return None
    if not usable:
        raise StoreError(
            f"{name}: this user may not use the schema {schema!r}, where PostGIS is; ask for GRANT USAGE ON SCHEMA",
            target=name,
        )
    path = "concat_ws(', ', nullif(current_setting('search_path'), ''), quote_ident(%s))"
    run(f"SELECT set_config('search_path', {path}, false)", [schema])
    return str(schema)


def _has_options(dsn: str) -> bool:
    """Tell whether options follow the address; a question mark before the @ is a part of the password."""
    return "?" in dsn.rpartition("@")[2]


def _unclear() -> UsageError:
    """Return the error for an address that cannot be read for sure."""
    return UsageError(
        "this address of a database cannot be read for sure, and is not repeated since a password may be in it; give "
        "postgresql://user@host:port/database?schema=name and keep the password in ~/.pgpass, PGPASSWORD or a service "
        "(?service=name); in an address its @ / ? # % and blanks are written %40 %2F %3F %23 %25 %20"
    )
