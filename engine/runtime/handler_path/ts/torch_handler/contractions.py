"""English contractions and what they stand for."""

from __future__ import annotations

_NEGATED = "are could dare did do does had has have is might must need ought should was were would".split()  # noqa: SIM905 - reads best
_SUBJECTS = "I i he how it she that there they this those these we what when where which who why you".split()  # noqa: SIM905 - as above
_ENDINGS = {"'d": "would", "'d've": "would have", "'ll": "will", "'ll've": "will have"}
_PLURAL = ("they", "these", "those", "we", "you")
_SINGULAR = ("he", "how", "it", "she", "that", "there", "this", "what", "when", "where", "which", "who", "why")
_IRREGULAR = {
    "ain't": "is not",
    "can't": "cannot",
    "can't've": "cannot have",
    "'cause": "because",
    "could've": "could have",
    "I'm": "I am",
    "i'm": "i am",
    "I've": "I have",
    "i've": "i have",
    "let's": "let us",
    "ma'am": "madam",
    "might've": "might have",
    "must've": "must have",
    "o'clock": "of the clock",
    "shan't": "shall not",
    "shan't've": "shall not have",
    "should've": "should have",
    "so's": "so is",
    "so've": "so have",
    "to've": "to have",
    "what're": "what are",
    "what've": "what have",
    "where've": "where have",
    "who're": "who are",
    "who've": "who have",
    "will've": "will have",
    "won't": "will not",
    "won't've": "will not have",
    "would've": "would have",
    "y'all": "you all",
    "y'all're": "you all are",
    "y'all've": "you all have",
}

CONTRACTION_MAP: dict[str, str] = {
    **{f"{verb}n't": f"{verb} not" for verb in _NEGATED},
    **{
        f"{verb}n't've": f"{verb} not have"
        for verb in ("could", "had", "might", "must", "need", "ought", "should", "would")
    },
    **{f"{subject}{ending}": f"{subject} {words}" for subject in _SUBJECTS for ending, words in _ENDINGS.items()},
    **{f"{subject}'s": f"{subject} is" for subject in _SINGULAR},
    **{f"{subject}'re": f"{subject} are" for subject in _PLURAL},
    **{f"{subject}'ve": f"{subject} have" for subject in _PLURAL},
    **_IRREGULAR,
}
