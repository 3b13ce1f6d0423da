"""Small widgets that know nothing of models or the engine. The GUI thread."""
