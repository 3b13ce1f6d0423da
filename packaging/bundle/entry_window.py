"""The bundle's `marina`: the window."""

import multiprocessing
import os
import sys

# A process that a library starts with multiprocessing runs this program again, and must go no further than here.
multiprocessing.freeze_support()

from gui.__main__ import main  # noqa: E402 - see above

# PyInstaller sets these for the Qt inside, which finds its plugins without; a Qt program that Marina starts must not.
for name in ("QT_PLUGIN_PATH", "QML2_IMPORT_PATH"):
    os.environ.pop(name, None)
sys.exit(main())
