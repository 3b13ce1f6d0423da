"""Which requests pass the check of callers, by Host, first line, Origin and Fetch Metadata."""

from __future__ import annotations

import pytest

from engine.api.callers import Callers
from engine.settings import Address
from tests.support.servers import make_settings

HERE = Address("http", "127.0.0.1", 8081)


def refusal(headers: dict[str, str], url: str = "/models", address: Address = HERE, **settings: object) -> str:
    return Callers(make_settings(**settings), address).refusal(url, headers)


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:1", "localhost:9000", "127.0.0.1", "127.0.0.1:8080", "127.0.0.2:8081", "[::1]",
        "[::1]:9", "LOCALHOST:65535",
    ],
)  # fmt: skip
def test_an_own_name_is_accepted_with_any_port(host: str) -> None:
    assert refusal({"Host": host}) == ""
    assert refusal({"Host": host, "Origin": f"http://{host}"}), "a page of another port is another origin"


def test_a_request_of_http_1_0_may_lack_its_host() -> None:
    callers = Callers(make_settings(), HERE)
    assert callers.refusal("/models", {}, needs_host=False) == ""
    assert callers.refusal("/models", {"Host": ""}, needs_host=False)
    assert callers.refusal("/models", {"Host": "evil.example"}, needs_host=False)
    assert callers.refusal("/models", {"Origin": "http://evil.example"}, needs_host=False)
    assert callers.refusal("http://evil.example/models", {}, needs_host=False)


@pytest.mark.parametrize("host", ["127.0.0.1:8081", "localhost:8081", "LocalHost:8081", "[::1]:8081"])
def test_a_program_on_this_machine_may_call(host: str) -> None:
    assert refusal({"Host": host}) == ""
    assert refusal({"Host": host, "Origin": f"http://{host}"}) == ""
    assert refusal({"Host": host, "Sec-Fetch-Site": "none"}) == ""


@pytest.mark.parametrize(
    "host",
    [
        "", ":8081", "evil.example", "evil.example:8081", "localhost.:8081", "localhost:", "localhost:65536",
        "localhost.evil.example:8081", "127.0.0.1.nip.io:8081", "127.0.0.1:8081.evil.example", "127.0.0.1:8081@evil",
        "0.0.0.0:8081", "192.168.1.5:8081", "localhost:8081 ", "[::1", "[::ffff:127.0.0.1]:8081",
        "2130706433", "127.1", "0x7f.1", "[127.0.0.1]", "::1", "localhost:٨",
    ],
)  # fmt: skip
def test_any_other_name_is_refused_with_the_setting_that_helps(host: str) -> None:
    text = refusal({"Host": host})
    assert "allowed_hosts" in text
    assert ascii(host) in text


def test_without_a_host_nothing_is_answered() -> None:
    assert "allowed_hosts" in refusal({})


def test_a_long_host_is_shown_in_part() -> None:
    assert len(refusal({"Host": "x" * 10_000})) < 300


@pytest.mark.parametrize(
    "origin",
    ["null", "file://", "http://evil.example:8081", "https://localhost.evil.example", "http://localhost:3000",
     "https://localhost:8081", "", "*"],
)  # fmt: skip
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    assert "cors_allowed_origin" in refusal({"Host": "localhost:8081", "Origin": origin})


def test_an_origin_that_equals_a_strange_host_proves_nothing() -> None:
    assert refusal({"Host": "evil.example:8081", "Origin": "http://evil.example:8081"})


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "x"])
def test_what_another_site_began_is_refused_without_an_origin_too(site: str) -> None:
    assert refusal({"Host": "localhost:8081", "Sec-Fetch-Site": site})


def test_the_first_line_must_agree_with_the_host() -> None:
    assert refusal({"Host": "localhost:8081"}, "http://localhost:8081/models") == ""
    assert refusal({"Host": "localhost:8081"}, "http://evil.example/models")
    assert refusal({"Host": "localhost:8081"}, "evil.example:8081")
    assert refusal({"Host": "localhost:8081"}, "*") == ""


def test_a_listed_origin_may_call_from_wherever_it_is() -> None:
    listed = {"Host": "localhost:8081", "Origin": "https://lab.example", "Sec-Fetch-Site": "cross-site"}
    assert refusal(listed, cors_allowed_origin="https://lab.example") == ""
    assert refusal({**listed, "Origin": "https://other.example"}, cors_allowed_origin="https://lab.example")
    assert refusal(listed, cors_allowed_origin="*") == ""


def test_listed_names_are_let_in_with_the_listeners_port_or_their_own() -> None:
    hosts = ("gpu-box.lab", "tunnel.lab:9000", "[fd00::1]")
    for host in ("gpu-box.lab:8081", "tunnel.lab:9000", "GPU-box.lab:8081", "[fd00::1]:8081"):
        assert refusal({"Host": host}, allowed_hosts=hosts) == ""
    assert refusal({"Host": "gpu-box.lab:9000"}, allowed_hosts=hosts) == ""
    assert refusal({"Host": "gpu-box.lab"}, allowed_hosts=hosts) == ""
    for host in ("tunnel.lab:9001", "tunnel.lab"):
        assert refusal({"Host": host}, allowed_hosts=hosts), "a name with a port of its own is accepted with that one"
    assert refusal({"Host": "anything"}, allowed_hosts=("*",)) == ""


def test_a_listener_for_every_address_is_called_by_any_address_but_by_no_strange_name() -> None:
    everywhere = Address("http", "0.0.0.0", 8081)
    for host in ("192.168.1.5:8081", "192.168.1.5", "192.168.1.5:80", "localhost:8081", "[fd00::1]:8081"):
        assert refusal({"Host": host}, address=everywhere) == ""
    for host in ("evil.example:8081", "[192.168.1.5]:8081", "fd00::1:8081", "[::ffff:10.0.0.1]:8081"):
        assert refusal({"Host": host}, address=everywhere)


def test_a_listener_for_one_address_is_called_by_that_one() -> None:
    there = Address("http", "192.168.1.5", 8081)
    assert refusal({"Host": "192.168.1.5:8081"}, address=there) == ""
    assert refusal({"Host": "192.168.1.5:1"}, address=there) == ""
    assert refusal({"Host": "localhost:8081"}, address=there)
    assert refusal({"Host": "127.0.0.1:8081"}, address=there)
