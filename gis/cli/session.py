"""What all commands share: the application, what its common options settle, and how things are said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import pandas as pd
import typer
from rich.progress import track
from rich.table import Table
from rich.text import Text

from gis import findings as gis_findings
from gis import terminal
from gis.errors import GisError, RowsRefused
from gis.settings import Settings
from gis.workflow import demo, intake

app = typer.Typer(
    name="gis",
    help="城市更新空间规划:街区统筹与站城融合。Spatial planning for urban renewal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
StoreName = Annotated[
    str,
    typer.Argument(
        metavar="STORE",
        callback=terminal.noted_store,
        help="库:*.gpkg 或 postgresql://用户@主机/数据库,口令用 ~/.pgpass、PGPASSWORD 或 ?service=… "
        "· the store, without a password",
    ),
]


# findings and faults that are told; how many more there are is said
SHOWN = 20

T = TypeVar("T")


@dataclass(frozen=True)
class Session:
    """Hold what the common options settle: settings, and who makes changes and why."""

    settings: Settings
    author: str
    reason: str | None


def settings_of(context: typer.Context) -> Settings:
    """Return the settings that the common options made.

    Parameters
    ----------
    context
        Of the command.

    Returns
    -------
    gis.settings.Settings
    """
    session: Session = context.obj
    return session.settings


def author_of(context: typer.Context) -> str:
    """Return who makes changes.

    Parameters
    ----------
    context
        Of the command.

    Returns
    -------
    str
    """
    session: Session = context.obj
    return session.author


def reason_of(context: typer.Context, default: str) -> str:
    """Return why changes are made, what the command says where nobody else does.

    Parameters
    ----------
    context
        Of the command.
    default
        What the command says.

    Returns
    -------
    str
    """
    session: Session = context.obj
    return session.reason or default


def leave_if(faulty: bool, cause: type[GisError]) -> None:
    """End with a cause's exit code where what a command was asked to judge or to store is at fault.

    Parameters
    ----------
    faulty
        Whether it is.
    cause
        The error whose exit code it is.

    Raises
    ------
    typer.Exit
        It is.
    """
    if faulty:
        raise typer.Exit(cause.exit_code)


def tracked(items: Iterable[T], title: str) -> Iterable[T]:
    """Show a progress bar on a terminal.

    Parameters
    ----------
    items
        What is gone through.
    title
        What is done.

    Returns
    -------
    iterable
        The same items.
    """
    return track(items, description=title, console=terminal.err, transient=True, disable=not terminal.err.is_terminal)


def say(zh: str, en: str, context: typer.Context) -> None:
    """Print one summary line, the chosen language first.

    Parameters
    ----------
    zh, en
        The line in both languages.
    context
        Of the command.
    """
    first, second = (zh, en) if settings_of(context).lang == "zh" else (en, zh)
    terminal.say(f"{first} · {second}")


def print_error(error: GisError) -> int:
    """Print an error as one sentence with its kind in Chinese, and the faults of refused rows.

    Parameters
    ----------
    error
        What went wrong.

    Returns
    -------
    int
        Its exit code.
    """
    terminal.complain(f"{terminal.kind(error)} · {error}")
    if isinstance(error, RowsRefused) and error.findings is not None:
        for text in intake.sentences(error.findings.head(SHOWN), Settings()):
            terminal.complain(f"  {text}")
    return error.exit_code


def print_findings(found: pd.DataFrame, settings: Settings) -> None:
    """Print findings as sentences, the gravest twenty and how many more there are.

    Parameters
    ----------
    found
        A table of findings.
    settings
        The language.
    """
    found = found.iloc[found["severity"].map(gis_findings.SEVERITIES.index).argsort(kind="stable")]
    for severity, text in zip(found["severity"], intake.sentences(found.head(SHOWN), settings), strict=False):
        terminal.say(f"  [{severity}] {text}")
    if len(found) > SHOWN:
        terminal.out.print(Text(f"  … 另有 {len(found) - SHOWN} 条 · {len(found) - SHOWN} more"))


def print_steps(report: demo.Report) -> None:
    """Print what was made, its size, and the seconds each step took.

    Parameters
    ----------
    report
        Of a whole job.

    Raises
    ------
    typer.Exit
        With the exit code of what could not be made and why, which is printed.
    """
    steps = Table(title="步骤 · steps")
    for title in ("步骤 · step", "内容 · what", "秒 · seconds"):
        steps.add_column(title, justify="right" if "秒" in title else "left")
    for step in report.steps:
        steps.add_row(terminal.line(step.title), terminal.line(step.result), f"{step.seconds:.2f}")
    made = Table(title="成果 · made")
    for title in ("文件 · file", "大小 · size"):
        made.add_column(title, justify="right" if "大小" in title else "left")
    for path in report.files:
        made.add_row(terminal.line(str(path)), f"{path.stat().st_size / 1024:,.0f} KB")
    terminal.out.print(steps, made)
    if not report.missing:
        return
    terminal.out.print(Text("未做成 · not made"))
    for missing in report.missing:
        terminal.out.print(
            terminal.line(f"  {missing.title}:{terminal.kind(missing.error)} · {missing.error}"), soft_wrap=True
        )
    raise typer.Exit(report.exit_code)
