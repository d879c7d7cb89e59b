"""Muon in 32-bit floats (PyTorch's own works in bfloat16, which a CPU without such instructions does very slowly)."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

COEFFICIENTS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
)
"""Of the polynomial of each iteration; chosen for few iterations (Amsel et al., "The Polar Express", 2025)."""


def orthogonalized(matrices: Tensor) -> Tensor:
    """The nearest matrices with all singular values about one, by polynomial iterations on a stack of equal shapes."""
    is_tall = matrices.shape[-2] > matrices.shape[-1]
    current = matrices.mT if is_tall else matrices
    current = current / (current.norm(dim=(-2, -1), keepdim=True) * 1.01 + 1e-7)
    for first, second, third in COEFFICIENTS:
        gram = current @ current.mT
        current = first * current + (second * gram + third * gram @ gram) @ current
    return current.mT if is_tall else current


class Muon(torch.optim.Optimizer):
    """Momentum whose step is orthogonalized (Jordan et al., 2024); for two-dimensional weights only."""

    def __init__(self, matrices: Iterable[nn.Parameter], rate: float, momentum: float = 0.95) -> None:
        super().__init__(list(matrices), {"lr": rate, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # no closure: the loss is computed before
        """One update of every matrix; matrices of one shape are worked on together."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[nn.Parameter]] = {}
            for parameter in group["params"]:
                by_shape.setdefault(parameter.shape, []).append(parameter)
            for shape, parameters in by_shape.items():
                updates: list[Tensor] = []
                for parameter in parameters:
                    gradient = parameter.grad
                    if gradient is None:
                        raise ValueError("every matrix given to Muon takes part in the loss")
                    buffer = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                    buffer.lerp_(gradient, 1 - group["momentum"])
                    updates.append(gradient.lerp(buffer, group["momentum"]))
                scale = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
                for parameter, update in zip(parameters, orthogonalized(torch.stack(updates)), strict=True):
                    parameter.add_(update, alpha=-scale)
