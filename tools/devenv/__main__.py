"""``python3 -m tools.devenv``."""

import sys

from .cli import main

sys.exit(main())
