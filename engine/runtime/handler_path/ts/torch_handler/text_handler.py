"""The handler that those for text derive from: cleans text and knows the vocabulary. Needs captum for explanations."""

from __future__ import annotations

import re
import string
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..handler_utils.text_utils import get_tokenizer
from ..handler_utils.weights import load_weights
from ..utils.packages import LazyAttribute, require
from ..utils.util import CLEANUP_REGEX
from .base_handler import BaseHandler
from .contractions import CONTRACTION_MAP

if TYPE_CHECKING:
    from ..context import Context

_LONGEST_FIRST = sorted(CONTRACTION_MAP, key=len, reverse=True)
CONTRACTIONS_PATTERN = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, _LONGEST_FIRST))})(?!\w)", re.IGNORECASE)
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


class TextHandler(BaseHandler):
    """Derive from it; explanations need a model with an attribute `embedding`."""

    def __init__(self) -> None:
        super().__init__()
        self.source_vocab: Any = None
        self.tokenizer: Any = get_tokenizer("basic_english")

    def initialize(self, context: Context) -> None:
        """Load the model and the vocabulary, which the manifest may name as `sourceVocab`.

        Raises FileNotFoundError without a vocabulary, RuntimeError when it is more than a dict of numbers.
        """
        super().initialize(context)
        self.initialized = False
        named = self.manifest["model"].get("sourceVocab")
        model_dir = context.system_properties["model_dir"]
        path = str(Path(model_dir, named)) if named else self.get_source_vocab_path(context)
        self.source_vocab = load_weights(path, None)
        self.initialized = True

    @LazyAttribute
    def lig(self) -> Any:
        """Captum's integrated gradients of the model's embedding; raises ImportError without captum."""
        return require("captum.attr", self).LayerIntegratedGradients(self.model, self.model.embedding)

    def get_source_vocab_path(self, context: Context) -> str:
        """Return the path of source_vocab.pt in the archive; raises FileNotFoundError without it."""
        path = Path(context.system_properties["model_dir"], "source_vocab.pt")
        if not path.is_file():
            raise FileNotFoundError(
                "The archive has no source_vocab.pt, the vocabulary that text handlers need: torch.save a dict from "
                "token to index under this name"
            )
        return str(path)

    def get_word_token(self, input_tokens: list[str]) -> list[str]:
        """Return the words that an explanation is about, one per token."""
        return list(input_tokens)

    def summarize_attributions(self, attributions: Any) -> Any:
        """Return one number per token from attributions [1, tokens, features], of length 1 as a vector."""
        per_token = attributions.sum(dim=-1).squeeze(0)
        return per_token / per_token.norm()

    def _expand_contractions(self, text: str) -> str:
        return CONTRACTIONS_PATTERN.sub(_expand, text).replace("'", "")

    def _remove_accented_characters(self, text: str) -> str:
        return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()

    def _remove_html_tags(self, text: str) -> str:
        return CLEANUP_REGEX.sub("", text)

    def _remove_punctuation(self, text: str) -> str:
        return text.translate(_WITHOUT_PUNCTUATION)

    def _remove_puncutation(self, text: str) -> str:
        """TorchServe's first spelling, which archives still call."""
        return self._remove_punctuation(text)

    def _tokenize(self, text: str) -> list[str]:
        tokens: list[str] = self.tokenizer(text)
        return tokens


def _expand(found: re.Match[str]) -> str:
    """Return the words of a contraction, with the case of its first letter."""
    contraction = found.group()
    words = CONTRACTION_MAP.get(contraction) or CONTRACTION_MAP[contraction.lower()]
    return words[0].upper() + words[1:] if contraction[0].isupper() else words
