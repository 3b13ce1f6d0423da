"""Integrated gradients by the midpoint rule, of a model's input and of a layer's output; the baseline is zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable


def integrate(
    score: Callable[[torch.Tensor], torch.Tensor], start: torch.Tensor, end: torch.Tensor, steps: int
) -> torch.Tensor:
    total = torch.zeros_like(end)
    for step in range(steps):
        point = (start + (step + 0.5) / steps * (end - start)).detach().requires_grad_()
        total += torch.autograd.grad(score(point), point)[0]
    return total / steps * (end - start)


class IntegratedGradients:
    def __init__(self, model: Any) -> None:
        self.model = model

    def attribute(self, inputs: torch.Tensor, *, target: int, n_steps: int) -> torch.Tensor:
        return integrate(lambda point: self.model(point)[:, target].sum(), torch.zeros_like(inputs), inputs, n_steps)


class LayerIntegratedGradients:
    def __init__(self, model: Any, layer: Any) -> None:
        self.model = model
        self.layer = layer

    def attribute(
        self,
        inputs: torch.Tensor,
        baselines: torch.Tensor,
        *,
        additional_forward_args: tuple[Any, ...],
        return_convergence_delta: bool,
        target: int,
    ) -> torch.Tensor:
        assert not return_convergence_delta

        def score(point: torch.Tensor) -> torch.Tensor:
            hook = self.layer.register_forward_hook(lambda *_: point)
            try:
                scores: torch.Tensor = self.model(inputs, *additional_forward_args)[:, target].sum()
            finally:
                hook.remove()
            return scores

        with torch.no_grad():
            start, end = self.layer(baselines), self.layer(inputs)
        return integrate(score, start, end, 20)


class TokenReferenceBase:
    def generate_reference(self, sequence_length: int, device: Any) -> torch.Tensor:
        return torch.zeros(1, sequence_length, dtype=torch.long, device=device)
