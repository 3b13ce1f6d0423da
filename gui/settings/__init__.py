"""The pages of the settings dialog, and what they are made of. The GUI thread."""
