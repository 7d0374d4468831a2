"""Versions and methods of catchments: how ground that several stations share is counted, and how it was drawn."""

from __future__ import annotations

# every station for itself: ground that several reach is counted for each
RAW = "raw"
# ground belongs to the nearest station only
NEAREST = "nearest"
# ground belongs to all stations that reach it, in equal parts
SHARED = "shared"

# as the crow flies, and as people walk
STRAIGHT = "EUC"
WALKED = "NET"
