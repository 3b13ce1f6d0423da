"""The built-in handler `text_classifier`: how likely each class is for one text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ..handler_utils.text_utils import ngrams_iterator
from ..handler_utils.timer import timed
from ..utils.packages import require
from ..utils.util import map_class_to_label
from .text_handler import TextHandler

UNKNOWN = "<unk>"


class TextClassifier(TextHandler):
    """For models of an embedding bag: from indices [tokens] and offsets [1] to [1, classes], before the softmax.

    TorchServe: answers one request at a time.
    """

    ngrams = 2

    @timed
    def preprocess(self, data: list[Any]) -> tuple[Any, list[str]]:
        """Return the indices of the n-grams of the text as a tensor, and its tokens; raises ValueError for a batch."""
        if len(data) != 1:
            raise ValueError(f"text_classifier answers one request at a time, not {len(data)}: set batchSize to 1")
        tokens = self._clean(_text_of(data[0]))
        indices = [self._index_of(gram) for gram in ngrams_iterator(tokens, self.ngrams)]
        known = [index for index in indices if index is not None]
        return torch.as_tensor(known, dtype=torch.long, device=self.device), tokens

    @timed
    def inference(self, data: Any, *_: Any, **__: Any) -> Any:
        """Return what the model makes of the text."""
        indices, _tokens = data
        with torch.inference_mode():
            return self.model(indices, self._offsets())

    @timed
    def postprocess(self, data: Any) -> list[dict[str, float]]:
        """Return label to probability, of all classes."""
        return map_class_to_label(torch.softmax(data, dim=-1).tolist(), self.mapping)

    def get_insights(self, text_preprocess: Any, _: Any, target: Any = 0) -> list[dict[str, Any]]:
        """Return `importances`, how much each n-gram speaks for the class `target`, and the `words`."""
        indices, tokens = text_preprocess
        reference = require("captum.attr", self).TokenReferenceBase()
        attributions = self.lig.attribute(
            indices,
            reference.generate_reference(indices.shape[0], device=self.device).squeeze(0),
            additional_forward_args=(self._offsets(),),
            return_convergence_delta=False,
            target=int(target),
        )
        return [
            {"importances": self.summarize_attributions(attributions).tolist(), "words": self.get_word_token(tokens)}
        ]

    def _clean(self, text: str) -> list[str]:
        text = self._expand_contractions(self._remove_html_tags(text).lower())
        return self._tokenize(self._remove_punctuation(self._remove_accented_characters(text)))

    def _index_of(self, gram: str) -> int | None:
        """Return the index of an n-gram; without one that of <unk>, None where the vocabulary has no such either."""
        if isinstance(self.source_vocab, Mapping):
            known: int | None = self.source_vocab.get(gram, self.source_vocab.get(UNKNOWN))
            return known
        index: int = self.source_vocab[gram]  # torchtext's vocabularies know what is unknown themselves
        return index

    def _offsets(self) -> Any:
        return torch.zeros(1, dtype=torch.long, device=self.device)


def _text_of(row: Any) -> str:
    text = (row.get("data") or row.get("body") or "") if isinstance(row, dict) else row
    return text.decode() if isinstance(text, (bytes, bytearray)) else str(text)
