"""Marina among the other programs of the desktop: tray, notifications, start at login. The GUI thread."""
