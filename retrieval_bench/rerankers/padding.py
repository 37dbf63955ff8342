"""Token lists of different lengths as one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Padded:
    """Token lists, padded on the right.

    Attributes:
        ids: (n_texts, length) int64, 0 where a text has ended: masked, so that it does not matter what stands there.
        mask: (n_texts, length) int64, 1 for a token and 0 for padding.
    """

    ids: torch.Tensor
    mask: torch.Tensor

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], device: str) -> Padded:
        """Pad to the longest."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        tensors = [torch.tensor(row, dtype=torch.long) for row in rows]
        ids = pad_sequence(tensors, batch_first=True)
        mask = pad_sequence([torch.ones_like(tensor) for tensor in tensors], batch_first=True)
        return cls(ids.to(device), mask.to(device))
