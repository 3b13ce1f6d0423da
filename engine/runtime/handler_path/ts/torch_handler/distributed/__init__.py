"""Handlers for models that several processes share."""
