"""Specimens whose shared ground is known without rounding, and what gis says of them."""
