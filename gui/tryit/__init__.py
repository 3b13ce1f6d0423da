"""Trying a model by hand: composing a request, sending it, reading the answer by its kind, remembering both."""
