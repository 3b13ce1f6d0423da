"""Sharing a model among several processes."""
