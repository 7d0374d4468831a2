"""What people said about renewal in the sample town: comments, votes, and the floor area that blocks passed on."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

_SENTENCES = {
    "support": ("支持改造,希望早点开工。", "同意加装电梯,费用请公示。", "方案不错,建议保留老槐树。"),
    "object": ("不同意拆除临街商铺。", "对补偿标准有疑问,请再说明。"),
    "parking": ("小区停车位太少,希望增加。", "建议夜间开放单位停车场。"),
    "facility": ("附近没有托育点,建议利用腾退房屋。", "希望增设老年食堂。", "幼儿园接送太远。"),
    "traffic": ("断头路何时打通?", "公交站离小区太远。", "铁路道口排队时间长,建议建地道。"),
    "environment": ("河边步道晚上没有灯。", "建议把边角地改成口袋公园。", "施工扬尘请加强管理。"),
    "other": ("请公布项目时间表。",),
}
_REPLIES = {
    "adopted": "已纳入方案。",
    "partly": "部分纳入,其余结合下一阶段设计研究。",
    "not_adopted": "受用地条件限制,暂不具备实施条件。",
}
_CHANNELS = ("电话", "邮箱", "现场", "来信", "网站")


def comments(projects: gpd.GeoDataFrame, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Write down comments on the projects.

    Parameters
    ----------
    projects : geopandas.GeoDataFrame
        Projects with key and geometry, town coordinates.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns of the layer ``comments``: 120 rows, no personal data.
    """
    count = 120
    weight = np.sqrt(projects.geometry.area.to_numpy())
    about = rng.choice(len(projects), size=count, p=weight / weight.sum())
    topics = rng.choice(list(_SENTENCES), size=count)
    decisions = rng.choice(["adopted", "partly", "not_adopted", "pending"], size=count, p=[0.42, 0.22, 0.14, 0.22])
    texts = [_SENTENCES[topic][int(rng.integers(len(_SENTENCES[topic])))] for topic in topics]
    spots = shapely.get_coordinates(shapely.point_on_surface(projects.geometry.array[about])) + rng.normal(
        0, 25.0, (count, 2)
    )
    frame = {
        "comment_id": [f"YJ{i + 1:04d}" for i in range(count)],
        "feature_layer": "projects",
        "feature_id": projects["project_id"].to_numpy()[about],
        "topic": topics,
        "text": texts,
        "received_on": pd.Timestamp(2026, 9, 1) + pd.to_timedelta(rng.integers(0, 30, count), unit="D"),
        "channel": rng.choice(_CHANNELS, size=count),
        "decision": decisions,
        "reply": [_REPLIES.get(decision) for decision in decisions],
    }
    return gpd.GeoDataFrame(frame, geometry=shapely.points(np.round(spots, 3)))


def votes(projects: gpd.GeoDataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Count votes on the old estates that have left the reserve.

    Parameters
    ----------
    projects : geopandas.GeoDataFrame
        Projects with type, state, households and existing floor area.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    pandas.DataFrame
        Columns of the layer ``votes``; some votes miss the quorum of two thirds, some the three quarters.
    """
    asked = projects[
        projects["project_type"].isin(["old_estate", "dangerous_building"]) & (projects["state"] != "reserve")
    ]
    count = len(asked)
    took = np.clip(rng.normal(0.80, 0.09, count), 0.55, 0.98)
    agreed = np.clip(rng.normal(0.82, 0.09, count), 0.50, 0.99)
    persons = asked["households"].to_numpy(dtype=float)
    area = asked["existing_floor_m2"].to_numpy(dtype=float)
    taking = np.floor(persons * took)
    frame = {
        "vote_id": [f"ZQ{i + 1:03d}" for i in range(count)],
        "project_id": asked["project_id"].to_numpy(),
        "matter": rng.choice(["调整既有配套用房用途", "加装电梯与上下水改造", "公共空间提升方案"], size=count),
        "eligible_area_m2": area,
        "eligible_persons": persons,
        "participating_area_m2": np.round(area * took * 0.99, 0),
        "participating_persons": taking,
        "agreeing_area_m2": np.round(area * took * 0.99 * agreed, 0),
        "agreeing_persons": np.floor(taking * agreed),
        "held_on": [pd.Timestamp(2025, 3 + i % 9, 2 + i % 25) for i in range(count)],
    }
    return pd.DataFrame(frame)


def transfers(block_ids: np.ndarray) -> pd.DataFrame:
    """List floor area that went from outer blocks to those around stations.

    Parameters
    ----------
    block_ids : numpy.ndarray of str
        Keys of the blocks.

    Returns
    -------
    pandas.DataFrame
        Columns of the layer ``transfers``.
    """
    pairs = ((0, 5, 18_000.0), (2, 5, 9_500.0), (8, 6, 22_000.0), (1, 4, 6_400.0))
    frame = {
        "transfer_id": [f"TJ{i + 1:02d}" for i in range(len(pairs))],
        "from_block": [block_ids[a] for a, _, _ in pairs],
        "to_block": [block_ids[b] for _, b, _ in pairs],
        "floor_area_m2": [amount for _, _, amount in pairs],
        "approval_no": [f"松规调〔2025〕{i + 3}号" for i in range(len(pairs))],
        "approved_on": [pd.Timestamp(2025, 5 + i, 11) for i in range(len(pairs))],
    }
    return pd.DataFrame(frame)
