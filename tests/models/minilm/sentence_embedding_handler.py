"""Handler of a sentence-embedding model in the layout of Hugging Face: text in, one unit vector out.

Runs in the worker process, which needs the package `transformers`. Body: UTF-8 text. Answer: a JSON list of numbers.
"""

from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer

from ts.torch_handler.base_handler import BaseHandler


class SentenceEmbeddingHandler(BaseHandler):
    """Embeds a whole batch of sentences with one call of the network, as archives of old do it."""

    def initialize(self, context: Any) -> None:
        """Loads tokenizer and network from the archive."""
        folder = context.system_properties["model_dir"]
        self.longest = context.model_yaml_config["handler"]["max_tokens"]
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModel.from_pretrained(folder).eval()
        self.initialized = True

    def preprocess(self, data: list[dict[str, Any]]) -> Any:
        """Tokens of every sentence, padded to the longest."""
        sentences = [row.get("data") or row.get("body") for row in data]
        texts = [text.decode() if isinstance(text, (bytes, bytearray)) else text for text in sentences]
        return self.tokenizer(texts, padding=True, truncation=True, max_length=self.longest, return_tensors="pt")

    def inference(self, data: Any, *_args: Any, **_kwargs: Any) -> torch.Tensor:
        """The mean over each sentence's own tokens, scaled to length 1."""
        with torch.inference_mode():
            states = self.model(**data).last_hidden_state
        own = data["attention_mask"].unsqueeze(-1)
        return torch.nn.functional.normalize((states * own).sum(1) / own.sum(1), dim=1)

    def postprocess(self, data: torch.Tensor) -> list[list[float]]:
        """One vector per sentence; every answer says how many shared its batch."""
        for index in range(len(data)):
            self.context.set_response_header(index, "x-batch", str(len(data)))
        return data.tolist()
