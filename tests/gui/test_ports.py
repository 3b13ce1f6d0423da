from __future__ import annotations

import socket

from engine.settings import Address, Settings
from gui.ports import free_port, with_port

SETTINGS = Settings()


def test_the_listener_with_the_taken_port_moves() -> None:
    moved = with_port(SETTINGS, 8081, 9100)
    assert moved.management_address == Address("http", "127.0.0.1", 9100)
    assert moved.inference_address == SETTINGS.inference_address
    assert with_port(SETTINGS, 7071, 9100) == SETTINGS.replace(grpc_management_port=9100)


def test_a_free_port_is_neither_taken_nor_one_of_ours() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        taken: int = busy.getsockname()[1]
        found = free_port(SETTINGS, "127.0.0.1", taken - 1)
    assert found > taken
    assert free_port(SETTINGS, "127.0.0.1", 8079) not in (8080, 8081, 8082)
    assert free_port(SETTINGS, "127.0.0.1", 7069) not in (7070, 7071)
