"""Helpers shared by handlers."""
