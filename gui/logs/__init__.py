"""What workers print, on its way to the eye: levels, the kept lines with filter and search, model and view."""
