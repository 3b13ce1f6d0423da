"""The bundle's `marina-server`."""

import multiprocessing
import sys

# A process that a library starts with multiprocessing runs this program again, and must go no further than here.
multiprocessing.freeze_support()

from engine.__main__ import main  # noqa: E402 - see above

sys.exit(main())
