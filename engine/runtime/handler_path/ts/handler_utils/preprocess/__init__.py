"""Preparing inputs outside of Python."""
