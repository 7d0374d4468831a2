"""Run families of specimens: see the package."""

from __future__ import annotations

import sys

from tests.truth.exact.running import main

sys.exit(main())
