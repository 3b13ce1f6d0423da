"""The handlers for text, with an embedding whose answers can be computed another way."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.handlers import FAKES, make_context, with_headers
from ts.handler_utils.text_utils import get_tokenizer, ngrams_iterator
from ts.torch_handler.contractions import CONTRACTION_MAP
from ts.torch_handler.text_classifier import TextClassifier
from ts.torch_handler.text_handler import TextHandler

NET = """
import torch

class MeanOfWords(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(8, 3)

    def forward(self, words, offsets):
        assert offsets.tolist() == [0]
        return self.embedding(words).mean(dim=0, keepdim=True)
"""
WORDS = ["<unk>", "do", "not", "panic", "do not", "not panic", "cafe", "is"]
VOCABULARY = {word: index for index, word in enumerate(WORDS)}
WEIGHT = torch.arange(24.0).reshape(8, 3).cos()


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An unpacked archive of an eager text model, and captum's stand-in."""
    (tmp_path / "words_net.py").write_text(NET)
    torch.save({"embedding.weight": WEIGHT}, tmp_path / "weights.pt")
    torch.save(VOCABULARY, tmp_path / "source_vocab.pt")
    (tmp_path / "index_to_name.json").write_text(json.dumps({"0": "calm", "1": "alarm", "2": "other"}))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(FAKES))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("words_net", "captum")]:
        del sys.modules[name]


def load(folder: Path, **model: str) -> tuple[TextClassifier, Any]:
    handler = TextClassifier()
    context = make_context(folder, {"modelFile": "words_net.py", "serializedFile": "weights.pt", **model})
    handler.initialize(context)
    return handler, context


@pytest.mark.parametrize("body", ["<b>Don't</b> panic!", bytearray(b"do NOT, panic")])
def test_a_text_is_classified(archive: Path, body: Any) -> None:
    handler, context = load(archive)
    [answer] = handler.handle([{"data": body}], with_headers(context))
    expected = WEIGHT[[1, 2, 3, 4, 5]].mean(dim=0).softmax(dim=0).tolist()
    assert list(answer) == ["calm", "alarm", "other"]
    assert list(answer.values()) == pytest.approx(expected)


def test_unknown_words_share_an_index_or_are_left_out(archive: Path) -> None:
    handler, _ = load(archive)
    indices, tokens = handler.preprocess(["the Café is"])  # an envelope gives texts
    assert (indices.tolist(), tokens) == ([0, 6, 7, 0, 0], ["the", "cafe", "is"])
    del handler.source_vocab["<unk>"]
    assert handler.preprocess([{"body": "the Café is"}])[0].tolist() == [6, 7]


def test_a_vocabulary_that_is_no_dict_is_asked_for_every_word(archive: Path) -> None:
    class Lengths:
        def __getitem__(self, word: str) -> int:
            return len(word)

    handler, _ = load(archive)
    handler.source_vocab = Lengths()
    assert handler.preprocess([{"body": "to be"}])[0].tolist() == [2, 2, 5]


def test_texts_come_one_at_a_time(archive: Path) -> None:
    handler, _ = load(archive)
    with pytest.raises(ValueError, match="one request at a time, not 2: set batchSize to 1"):
        handler.preprocess([{"body": "a"}, {"body": "b"}])


def test_an_explanation_weighs_the_words(archive: Path) -> None:
    handler, context = load(archive)
    handler.ngrams = 1
    rows = [{"body": "do not panic", "target": bytearray(b"2")}]
    [explanation] = handler.handle(rows, with_headers(context, explain="True"))
    weights = (WEIGHT[[1, 2, 3], 2] - WEIGHT[0, 2]) / 3
    assert explanation["words"] == ["do", "not", "panic"]
    assert explanation["importances"] == pytest.approx((weights / weights.norm()).tolist(), abs=1e-5)


def test_predictions_need_no_captum_and_explanations_name_it(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum", None)
    handler, context = load(archive)
    assert len(handler.handle([{"body": "panic"}], with_headers(context))) == 1
    with pytest.raises(ImportError, match="TextClassifier needs the package captum"):
        handler.handle([{"body": "panic"}], with_headers(context, explain="True"))


def test_the_manifest_may_name_the_vocabulary(archive: Path) -> None:
    (archive / "source_vocab.pt").rename(archive / "words.pt")
    handler, _ = load(archive, sourceVocab="words.pt")
    assert handler.source_vocab == VOCABULARY
    with pytest.raises(FileNotFoundError, match=r"no source_vocab\.pt"):
        load(archive)


def test_a_vocabulary_is_never_run_as_code(archive: Path) -> None:
    torch.save({"half": Fraction(1, 2)}, archive / "source_vocab.pt")
    with pytest.raises(RuntimeError, match=r"source_vocab.pt holds more than tensors.*or a vocabulary as a dict"):
        load(archive)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("don't", "do not"),
        ("Don't you'd've", "Do not you would have"),
        ("I'M here, i'm there", "I am here, i am there"),
        ("she's o'clock", "she is of the clock"),
        ("'cause it can't've", "because it cannot have"),
        ("the dogs' 'bones'", "the dogs bones"),
    ],
)
def test_contractions_are_expanded_and_other_apostrophes_dropped(text: str, expanded: str) -> None:
    assert TextHandler()._expand_contractions(text) == expanded


def test_the_table_of_contractions_is_one_of_words() -> None:
    assert len(CONTRACTION_MAP) > 120
    assert all("'" in short and "'" not in long for short, long in CONTRACTION_MAP.items())


def test_text_is_cleaned_step_by_step() -> None:
    handler = TextHandler()
    assert handler._remove_html_tags("<p>a&nbsp;b</p>") == "ab"
    assert handler._remove_accented_characters("Ångström déjà") == "Angstrom deja"
    assert handler._remove_punctuation("a,b;c!") == handler._remove_puncutation("a,b;c!") == "abc"
    assert handler._tokenize("It's (a) test; ok?") == ["it", "'", "s", "(", "a", ")", "test", "ok", "?"]


def test_a_tokenizer_goes_by_its_name() -> None:
    by_blanks, english = get_tokenizer(None), get_tokenizer("basic_english")
    assert by_blanks is not None
    assert by_blanks("It's A.") == ["It's", "A."]
    assert english is not None
    assert english('Say "Hi", you:<br />bye.') == ["say", "hi", ",", "you", "bye", "."]
    assert get_tokenizer("klingon") is None


def test_ngrams_follow_the_words() -> None:
    assert list(ngrams_iterator(["a", "b", "c"], 3)) == ["a", "b", "c", "a b", "b c", "a b c"]
    assert list(ngrams_iterator(["a"], 2)) == ["a"]
