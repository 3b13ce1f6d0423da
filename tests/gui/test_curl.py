from __future__ import annotations

import shlex

from engine.registration import Registration
from gui import curl

BASE = "http://127.0.0.1:8081"


def test_registering_names_only_what_was_given() -> None:
    line = curl.register(BASE, Registration(url="digits.mar", initial_workers=0))
    assert line == f"curl -X POST '{BASE}/models?url=digits.mar&initial_workers=0'"


def test_registering_and_waiting_says_synchronous_in_lower_case() -> None:
    line = curl.register(BASE, Registration(url="https://example.org/a b.mar", synchronous=True))
    assert line == f"curl -X POST '{BASE}/models?url=https://example.org/a%20b.mar&synchronous=true'"


def test_names_are_quoted_for_the_path_and_the_shell() -> None:
    words = shlex.split(curl.unregister(BASE, "it's/here", "1 0; rm"))
    assert words == ["curl", "-X", "DELETE", f"{BASE}/models/it%27s%2Fhere/1%200%3B%20rm"]


def test_a_version_may_be_left_out() -> None:
    assert curl.describe(BASE, "digits", None) == f"curl {BASE}/models/digits"


def test_scaling_setting_the_default_and_predicting() -> None:
    assert curl.scale(BASE, "m", "1", 2, 3) == f"curl -X PUT '{BASE}/models/m/1?min_worker=2&max_worker=3'"
    assert curl.set_default(BASE, "m", "1") == f"curl -X PUT {BASE}/models/m/1/set-default"
    assert curl.predict(BASE, "m", "1") == f"curl -X POST {BASE}/predictions/m/1 -T input"
