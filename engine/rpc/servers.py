"""Which services stand at which port. Pure; importing it needs grpcio."""

from __future__ import annotations

from engine.engine import Engine
from engine.rpc import inference, interface, management, open_inference
from engine.rpc.server import Plan, RpcServer
from engine.tokens import TokenKind, Tokens

# By these names the addresses are shown.
INFERENCE, MANAGEMENT = "inference gRPC", "management gRPC"


def servers(engine: Engine, tokens: Tokens | None) -> dict[str, RpcServer]:
    """Return the servers that the settings ask for, by the names of their addresses."""
    settings = engine.settings
    predicting = inference.Inference(engine)
    services = {interface.INFERENCE_SERVICE: inference.functions(engine, predicting)}
    if settings.ts_open_inference_protocol:
        open_functions = open_inference.functions(engine, predicting)
        services |= dict.fromkeys(interface.OPEN_INFERENCE_SERVICES, open_functions)
    plans = {
        INFERENCE: Plan(
            TokenKind.INFERENCE,
            settings.grpc_inference,
            services,
            settings.grpc_inference_max_connection_age_ms,
            settings.grpc_inference_max_connection_age_grace_ms,
        ),
        MANAGEMENT: Plan(
            TokenKind.MANAGEMENT,
            settings.grpc_management,
            {interface.MANAGEMENT_SERVICE: management.functions(engine)},
            settings.grpc_management_max_connection_age_ms,
            settings.grpc_management_max_connection_age_grace_ms,
        ),
    }
    return {name: RpcServer(engine, plan, tokens) for name, plan in plans.items()}
