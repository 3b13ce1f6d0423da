"""What handlers call to do their work."""
