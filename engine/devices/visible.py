"""CUDA_VISIBLE_DEVICES: which GPUs processes see, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def visible_gpus(text: str | None, uuids: Sequence[str]) -> tuple[list[int], str]:
    """Return indices into `uuids` in the order that CUDA shows them, and what is wrong with `text`, if anything is.

    CUDA: without the variable every GPU is visible; else its list is read up to the first entry that names none. An
    entry is an index, or the beginning of one UUID; MIG devices are not known here. TorchServe takes indices alone.
    """
    if text is None:
        return list(range(len(uuids))), ""
    found: list[int] = []
    for entry in (part.strip() for part in text.split(",")):
        index = _index(entry, uuids)
        if index is None or index in found:
            ends_the_list = entry in ("", "-1")
            return found, "" if ends_the_list else f"{entry!r} names no GPU that Marina can use"
        found.append(index)
    return found, ""


def _index(entry: str, uuids: Sequence[str]) -> int | None:
    if entry.isdecimal():
        return int(entry) if int(entry) < len(uuids) else None
    matching = [index for index, uuid in enumerate(uuids) if entry.startswith("GPU-") and uuid.startswith(entry)]
    return matching[0] if len(matching) == 1 else None
