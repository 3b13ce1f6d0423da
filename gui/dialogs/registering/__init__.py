"""The parts of the register dialog: where an archive comes from, what is inside, how it should run. The GUI thread."""
