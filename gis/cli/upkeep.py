"""Upkeep: stores made, migrated and mended, the whole job on samples, and kernels compiled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gis import addresses, terminal
from gis.cli import session
from gis.workflow import beijing, demo, intake, keeping, warming


@session.app.command("demo")
def run_demo(context: typer.Context, folder: Annotated[Path, typer.Argument(metavar="OUT")] = Path("out")) -> None:
    """示例城镇全流程。Run the whole job on the fictional sample town."""
    report = demo.demo(folder, settings=session.settings_of(context), track=session.tracked)
    session.print_steps(report)


@session.app.command("beijing")
def run_beijing(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="门头沟公开数据文件夹 · folder with the open data")],
    target: Annotated[Path, typer.Argument(metavar="OUT")] = Path("out-beijing"),
) -> None:
    """用门头沟公开数据跑同样的流程。Run the same job on open data of Mentougou."""
    report = beijing.run(folder, target, settings=session.settings_of(context), track=session.tracked)
    session.print_steps(report)


@session.app.command()
def init(context: typer.Context, store: session.StoreName) -> None:
    """建库。Make an empty store with all layers of the catalogue."""
    with intake.init(store, settings=session.settings_of(context)) as made:
        name, layers = addresses.shown(store), len(made.layers())
    session.say(f"已建库 {name},{layers} 个图层", f"made {name} with {layers} layers", context)


@session.app.command()
def migrate(context: typer.Context, store: session.StoreName) -> None:
    """跟随图层目录升级库。Bring a store up to the present catalogue."""
    steps = keeping.migrate(store, settings=session.settings_of(context))
    for step in steps:
        terminal.say(f"  {step}")
    session.say(f"升级完成,{len(steps)} 步", f"migrated in {len(steps)} steps", context)


@session.app.command()
def adopt(
    context: typer.Context,
    store: session.StoreName,
    discard: Annotated[bool, typer.Option("--discard", help="恢复最后登记的状态 · take the last state back")] = False,
) -> None:
    """登记其他程序对库的修改。Record what other programs changed in the store."""
    settings, reason = session.settings_of(context), session.reason_of(context, "登记库外修改")
    change = keeping.adopt(store, settings=settings, author=session.author_of(context), reason=reason, discard=discard)
    for sentence in intake.sentences(change.findings, settings):
        terminal.say(f"  {sentence}")
    session.say(f"已登记为变更 {change.number}", f"recorded as change {change.number}", context)


@session.app.command()
def warm(context: typer.Context) -> None:
    """编译并保存计算内核(安装后运行一次,约两分钟)。Compile the kernels once and keep them; takes about two minutes."""
    if warming.warm():
        session.say("计算内核已编译并保存", "the kernels are compiled and kept", context)
    else:
        zh = "内核缓存目录不可写:小数据改用 GEOS,大数据每次现编译;可设 NUMBA_CACHE_DIR 指向可写目录"
        en = "no folder for compiled kernels can be written: small inputs go to GEOS, large ones compile every time; "
        session.say(zh, f"{en}NUMBA_CACHE_DIR may name a folder that can", context)
