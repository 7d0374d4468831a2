"""One frozen record of what differs between bureaus; passed to functions, never global."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Hold what a bureau decides once: district, working CRS, tolerances, language, catalogue folder.

    Parameters
    ----------
    district_code
        Six-digit code of GB/T 2260 (110109 is 门头沟区); a delivery takes those of the layer of districts first.
    district_name
        Name shown on sheets.
    crs
        Working CRS: an EPSG code, a WKT text, or a path to a file that holds the bureau's own WKT (its parameters are
        never written to stores, logs or outputs).
    delivery_crs
        CRS of deliveries to receivers whose profile names none, given like `crs`; None keeps the working CRS.
    tolerance
        Width in metres below which two boundaries count as the same line (overlay, conflicts).
    rings
        Ordered (name, metres) of station catchments. Radii are the bureau's choice: MOHURD's 2015 guideline gives
        300-500 m for the core and 500-800 m for the influence area (domain.md §3.2), so they are data, not constants.
    walk_minutes
        Walking times that sheds are drawn for (邻里、十分钟、十五分钟生活圈), growing.
    walk_speed_mps
        Walking speed on level ground; domain.md §3.2 has 4.5 to 5 km/h.
    walk_depth_m
        How deep the ground on both sides of a way counts as reached on foot.
    break_crossings
        Whether ways that cross without a common vertex meet there; bridges, tunnels and ways of another level never do.
    employed_share
        Share of residents who work, for the jobs-housing ratio (职住比); None leaves that ratio out.
    bounds
        Plausible (west, south, east, north) of the district in degrees, CGCS2000; None switches the check off.
    lang
        "zh" or "en": which language comes first for people.
    layers
        Folder of the catalogue; None means the checkout's `layers/` or the wheel's copy.
    font
        File of the typeface that sheets are written in (*.otf, *.ttf, *.ttc); None means the one that comes with the
        packages, which makes the same sheet on every machine.
    """

    district_code: str = "110109"
    district_name: str = "门头沟区"
    crs: str = "EPSG:4548"
    tolerance: float = 0.5
    rings: tuple[tuple[str, float], ...] = (("300米圈", 300.0), ("核心区", 500.0), ("影响区", 800.0))
    walk_minutes: tuple[float, ...] = (5.0, 10.0, 15.0)
    walk_speed_mps: float = 1.25
    walk_depth_m: float = 50.0
    break_crossings: bool = False
    employed_share: float | None = None
    bounds: tuple[float, float, float, float] | None = (115.417, 39.809, 116.169, 40.177)
    lang: str = "zh"
    layers: Path | None = None
    delivery_crs: str | None = None
    font: Path | None = None
