"""The files that `watched_window` writes, by which the comparison knows of the window. Pure, and quick to import."""

LATENESS = "lateness"  # a line for each tick: when (`time.monotonic`), and by how many milliseconds it was late
SHOWN = "shown"  # there as soon as the window is on the screen
