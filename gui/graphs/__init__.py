"""What versions did in the last minutes: noted once a second, and drawn. Pure · the GUI thread."""
