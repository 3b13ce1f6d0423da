"""Model archives: what they say about themselves, where they come from, and how they are unpacked without harm.

Nothing of an archive is ever imported, unpickled or run here. `manifest`, `model_config`, `names`, `handlers` and
`urls` are pure; `unpack`, `summary`, `sources` and `packing` block on the disk and belong in a thread; `download` runs
on the loop.
"""
