"""Arrays of shapes in, arrays of numbers and shapes out: areas of pairs, coverages, parts."""

from __future__ import annotations
