"""The device a model runs on."""

from __future__ import annotations

from bench_core.errors import UserError


def torch_device(named: str) -> str:
    """The device a user names, as torch writes it; where none is named the GPU if there is one, else the processor.

    Raises:
        UserError: torch knows no such device, or cannot use it on this machine.
    """
    import torch

    if not named:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.device(named)
    except RuntimeError as error:
        raise UserError(f"device={named} is no device; write cpu, cuda, cuda:1 or another that torch has.") from error
    try:
        torch.empty(1, device=named)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        cause = str(error).strip().partition("\n")[0].rstrip(".")[:100]
        raise UserError(f"device={named} cannot be used on this machine ({cause}); device=cpu can.") from error
    return named
