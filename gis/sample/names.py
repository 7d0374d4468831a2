"""Names of the sample town; all invented, none to be found on a map of the district that uses the system."""

from __future__ import annotations

import numpy as np

DISTRICT = ("990101", "松澜区")
RIVER = "澜河"
# code, name, name in plans
TOWNSHIPS = (
    ("990101001", "澜城街道", "澜城街道"),
    ("990101002", "松台街道", "松台街道"),
    ("990101003", "云岭地区", "云岭镇"),
)
BLOCKS = ("北澜", "旧城", "云谷", "石坊", "桥西", "松澜广场", "云麓", "南苑", "南工", "澜东")
_FIRST = "瑞芳锦兰秀文德和康乐永泰明春景翠云玉松柏槐梧桐荷枫竹梅菊桂"
_SECOND = "苑园里居庭坊湾台榭庄院"
_WORKS = ("松澜机床厂", "澜河水泥制品厂", "第二轧辊厂", "云岭耐火材料厂", "松澜纺机厂", "澜南粮油库", "松澜轴承厂",
"青岚陶瓷厂",
          "澜河电线厂", "松澜汽修总厂", "云岭建材厂", "澜南冷库")  # fmt: skip
_SHOPS = (
    "松澜商场",
    "文澜商厦",
    "澜桥百货",
    "石坊市场",
    "站前商业楼",
    "云麓商业街",
    "东方大楼",
    "澜西商务楼",
    "广场写字楼",
    "南苑商业楼",
)
_STREETS_A = "青安和兴新文育松柏槐柳杏桃梨云霞泉溪石竹兰"
_STREETS_B = "宁平华盛民丰茂林坪台阳远清秀"


def estates(count: int, rng: np.random.Generator) -> list[str]:
    """Invent names of housing estates.

    Parameters
    ----------
    count : int
        How many.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    list of str
        Names, each once.
    """
    pairs = [first + third + second for first in _FIRST for third in ("", "馨", "安") for second in _SECOND]
    order = rng.permutation(len(pairs))
    return [pairs[i] + ("小区" if i % 3 == 0 else "") for i in order[:count]]


def streets(count: int, rng: np.random.Generator) -> list[str]:
    """Invent names of streets.

    Parameters
    ----------
    count : int
        How many.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    list of str
        Names, each once.
    """
    pairs = [a + b for a in _STREETS_A for b in _STREETS_B if a != b]
    order = rng.permutation(len(pairs))
    return [pairs[i] + ("街" if i % 2 else "路") for i in order[:count]]


def works(number: int) -> str:
    """Return the name of a factory.

    Parameters
    ----------
    number : int
        Any number; names repeat.

    Returns
    -------
    str
        The name.
    """
    return _WORKS[number % len(_WORKS)]


def shop(number: int) -> str:
    """Return the name of a shopping building.

    Parameters
    ----------
    number : int
        Any number; names repeat.

    Returns
    -------
    str
        The name.
    """
    return _SHOPS[number % len(_SHOPS)]
