"""The areas of the window: sidebar, toolbar, details, status line. The GUI thread."""
