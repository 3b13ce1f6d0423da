"""The version of the handler API."""

from . import __version__

__all__ = ["__version__"]
