"""Beyond one machine: the same analyses partition by partition, on dask, with rows identical to those of a single run.

Things (buildings by the million) lie in partitions; every thing stands in exactly one and owns its rows, so what
crosses the border of a partition counts once. The other layers are blocks, units, catchments: each partition reads of
them what meets its own box. Finished partitions lie in a folder, one file each, under the fingerprint of what they were
made from: whatever is killed, only what is missing, or made from something else, is computed again.
"""

from __future__ import annotations

from gis.scale.analyses import apportion, assign, common_ground
from gis.scale.partitions import by_partition
from gis.scale.spreading import ROWS, spread_out

__all__ = ["ROWS", "apportion", "assign", "by_partition", "common_ground", "spread_out"]
