"""Dialogs, each opened without blocking and awaited. The GUI thread."""
