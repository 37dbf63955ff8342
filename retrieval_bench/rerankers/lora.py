"""Low-rank adapters as PEFT saves them, added to the weights they adapt.

W' = W + B · A · scale, with scale = alpha / r, or alpha / √r where the adapter is rank-stabilised. Sources: E. Hu et
al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021, section 4.1; D. Kalajdzievski, "A Rank Stabilization
Scaling Factor for Fine-Tuning with LoRA", 2023. Reading the two files spares a package that only needs to be there
once a model is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_core.artifacts import read_json
from bench_core.errors import BadFile, UserError
from bench_core.machine.model_files import ModelFiles

if TYPE_CHECKING:
    import torch

_PREFIX = "base_model.model."
_LORA_A, _LORA_B = ".lora_A.weight", ".lora_B.weight"
# Settings by which an adapter is more than the formula above, and their values where it is not.
_PLAIN = {"use_dora": False, "bias": "none", "fan_in_fan_out": False, "rank_pattern": {}, "alpha_pattern": {}}


@dataclass(frozen=True)
class LoraAdapter:
    """An adapter. Names of weights are those of the model without it.

    Attributes:
        model: as its user names it, for messages.
        scale: what the product of the matrices is multiplied by.
        added: name of a weight (n_out, n_in) -> its matrices A (r, n_in) and B (n_out, r).
        replaced: name of a weight -> what stands in its place, as for a head that was trained in full.
    """

    model: str
    scale: float
    added: Mapping[str, tuple[torch.Tensor, torch.Tensor]]
    replaced: Mapping[str, torch.Tensor]

    @classmethod
    def read(cls, files: ModelFiles) -> LoraAdapter:
        """Read `adapter_config.json` and `adapter_model.safetensors` or `.bin`.

        Raises:
            UserError: it has no such files, or is of a kind that is more than a product added to weights.
        """
        config_path = files.file("adapter_config.json")
        if config_path is None:
            raise UserError(f"{files.model} has no adapter_config.json; give a LoRA adapter that PEFT has saved.")
        scale = _scale(config_path, read_json(config_path))
        tensors = {
            name.removeprefix(_PREFIX).replace(".modules_to_save.", "."): tensor
            for name, tensor in _read_tensors(files).items()
        }
        modules = [name.removesuffix(_LORA_A) for name in tensors if name.endswith(_LORA_A)]
        return cls(
            files.model,
            scale,
            {f"{module}.weight": (tensors[module + _LORA_A], tensors[module + _LORA_B]) for module in modules},
            {name: tensor for name, tensor in tensors.items() if not name.endswith((_LORA_A, _LORA_B))},
        )

    def merge_into(self, model: Any) -> None:
        """Change the weights of a model that was loaded from the adapter's base.

        The sum is made in float32 and rounded once to the model's own number type.

        Raises:
            UserError: a weight of the adapter is not in the model, or of another shape: it is not this adapter's base.
        """
        import torch

        weights = model.state_dict()
        with torch.no_grad():
            for name, (a, b) in self.added.items():
                weight = self._matching(weights, name, (b.shape[0], a.shape[1]))
                product = b.to(weight.device).float() @ a.to(weight.device).float()
                weight.copy_(weight.float() + self.scale * product)
            for name, tensor in self.replaced.items():
                self._matching(weights, name, tuple(tensor.shape)).copy_(tensor)

    def _matching(self, weights: Mapping[str, torch.Tensor], name: str, shape: tuple[int, ...]) -> torch.Tensor:
        weight = weights.get(name)
        if weight is None or weight.shape != shape:
            found = "has none" if weight is None else f"has one of shape {tuple(weight.shape)}"
            raise UserError(
                f"The adapter {self.model} changes a weight {name} of shape {shape}, and the base model {found}; give "
                "the model it was trained on as base=."
            )
        return weight


def _scale(path: Path, config: Any) -> float:
    """What an adapter's settings multiply its matrices by.

    Raises:
        BadFile: they are no settings, or those of another kind of adapter.
    """
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        found = config.get("peft_type") if isinstance(config, dict) else type(config).__name__
        raise BadFile(path, f"expected a LORA adapter and found {found}")
    for key, plain in _PLAIN.items():
        if config.get(key, plain) not in (plain, None):
            raise BadFile(path, f"{key}={config[key]!r:.40} is not supported; merge this adapter with PEFT")
    rank: Any = config.get("r")
    alpha: Any = config.get("lora_alpha")
    if type(rank) is not int or rank < 1 or type(alpha) not in (int, float):
        raise BadFile(path, f"expected a rank r of at least 1 and a number lora_alpha and found {rank!r} and {alpha!r}")
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _read_tensors(files: ModelFiles) -> dict[str, torch.Tensor]:
    path = files.first_file("adapter_model.safetensors", "adapter_model.bin")
    if path is None:
        raise UserError(f"{files.model} has neither adapter_model.safetensors nor adapter_model.bin; it is no adapter.")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    import torch

    tensors: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return tensors
