"""Pure functions over frames: no catalogue, no store, no files; norms, code lists and kinds are handed in."""

from __future__ import annotations
