"""The command palette: every action and every model by a few letters of its name. The GUI thread."""
