"""Finding another port when one is taken. Binds for an instant on the loop's thread, which does not block."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.settings import Address, Settings

LAST = 65535
LISTENERS = ("management_address", "inference_address", "metrics_address")
GRPC_PORTS = ("grpc_inference_port", "grpc_management_port")


def free_port(settings: Settings, host: str, taken: int) -> int:
    """Return the next port after `taken` that nobody listens on and no other listener is set to use."""
    ours = {_address(settings, listener).port for listener in LISTENERS}
    ours.update(getattr(settings, key) for key in GRPC_PORTS)
    for port in range(taken + 1, LAST + 1):
        if port not in ours and _is_free(host, port):
            return port
    return 0


def with_port(settings: Settings, taken: int, port: int) -> Settings:
    """Return the settings with every listener that had the taken port moved to `port`."""
    moved: dict[str, object] = {
        listener: _address(settings, listener)._replace(port=port)
        for listener in LISTENERS
        if _address(settings, listener).port == taken
    }
    moved.update({key: port for key in GRPC_PORTS if getattr(settings, key) == taken})
    return settings.replace(**moved)


def _address(settings: Settings, listener: str) -> Address:
    address: Address = getattr(settings, listener)
    return address


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
