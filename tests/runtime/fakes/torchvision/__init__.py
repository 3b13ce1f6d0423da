"""Stands in for torchvision, with the arithmetic that the handlers for images need."""
