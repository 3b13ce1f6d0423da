"""Handlers that archives name or derive from. Imports torch."""
