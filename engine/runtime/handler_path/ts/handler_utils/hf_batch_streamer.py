"""Streams the text of a whole batch while a Hugging Face model generates it, in a thread of the handler's."""

from __future__ import annotations

from typing import Any

from ..utils.packages import require


class TextIteratorStreamerBatch:
    """A streamer for `generate`: iterating gives a list of {"text": ...}, one for each row, until any row ends.

    `timeout` is in seconds for each piece; the tokenizer decodes with `decode_kwargs`.
    """

    def __init__(
        self,
        tokenizer: Any,
        batch_size: int,
        skip_prompt: bool = False,
        timeout: float | None = None,
        **decode_kwargs: Any,
    ) -> None:
        transformers = require("transformers", self)
        self.batch_size = batch_size
        self.streamers = [
            transformers.TextIteratorStreamer(tokenizer, skip_prompt, timeout, **decode_kwargs)
            for _ in range(batch_size)
        ]

    def put(self, value: Any) -> None:
        """Take the next token of each row; raises ValueError for another number of rows."""
        if value.shape[0] != self.batch_size:
            raise ValueError(f"The streamer is made for {self.batch_size} rows, not {value.shape[0]}")
        for index, streamer in enumerate(self.streamers):
            streamer.put(value[index : index + 1])

    def end(self) -> None:
        """End the text of every row."""
        for streamer in self.streamers:
            streamer.end()

    def __iter__(self) -> TextIteratorStreamerBatch:
        return self

    def __next__(self) -> list[dict[str, str]]:
        try:
            return [{"text": next(streamer)} for streamer in self.streamers]
        except StopIteration:
            raise StopIteration from None
