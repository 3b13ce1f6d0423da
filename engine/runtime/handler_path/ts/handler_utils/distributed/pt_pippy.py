"""Pipelines with PiPPy, whose project has ended: the names that handlers import, which say what to use instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...context import Context

NOT_SUPPORTED = (
    "pipelines with PiPPy are not supported, since it works with no current torch; split the model in a handler of the "
    "archive, with torch.distributed.pipelining or with accelerate"
)


def initialize_rpc_workers(local_rank: int, world_size: int, ctx: Context) -> None:
    """Raise NotImplementedError that names what to use instead."""
    raise NotImplementedError(f"Model {ctx.model_name}: {NOT_SUPPORTED}")


def get_pipeline_driver(model: Any, world_size: int, ctx: Context) -> Any:
    """Raise NotImplementedError that names what to use instead."""
    raise NotImplementedError(f"Model {ctx.model_name}: {NOT_SUPPORTED}")
