"""Run the command line: python -m gis."""

from __future__ import annotations

from importlib import import_module

from gis import stopping


def main() -> None:
    """Run a command; an interruption is answered plainly even while the libraries are being loaded."""
    stopping.leave_at_once()
    import_module("gis.cli").main()


if __name__ == "__main__":
    main()
