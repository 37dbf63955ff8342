"""The encoder models the suite knows: `models.yaml`, read and checked."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from retrieval_bench.encoders.encoding_rule import ComputeType, PaddingSide, Pooling

_REGISTRY = Path(__file__).with_name("models.yaml")


class ModelEntry(BaseModel):
    """One model of the registry; what is not said there is as below.

    Attributes:
        key: the name users write.
        hub_id: where its weights are; those for queries, where documents have their own.
        document_hub_id: the documents' weights, where they are others.
        revision: commit of `hub_id`; empty: not known here, the one found is used.
        package: module of an installed package whose `get_model_path()` holds the model.
        loader: `transformer` runs it here, `nv-embed` through its own code, `endpoint` asks a server.
        parameters, licence: to be shown.
        verified: whether its rule and its weights were run by the project.
        pooling, normalize, pools_prefix, last_token, padding_side, bidirectional: see `EncodingRule`.
        query_max_length, document_max_length: tokens; None: as many as the model takes.
        document_as_pair: see `TextRule.as_pair`.
        query_prefix, document_prefix: templates of a task's words; None: the model's own prompts, if any.
        generated_takes_query_prefix: whether a generated text is encoded as a query is; else it has no prefix.
        gpu_dtype: what it is computed in on a GPU.
        served_as, most_tokens, tokens_of, quoted, sends_input_type: see `ServedModel`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    hub_id: str = ""
    document_hub_id: str = ""
    revision: str = ""
    package: str = ""
    loader: Literal["transformer", "nv-embed", "endpoint"] = "transformer"
    parameters: str = ""
    licence: str = ""
    verified: bool = False
    pooling: Pooling | None = None
    normalize: bool | None = None
    pools_prefix: bool = True
    last_token: str = ""
    padding_side: PaddingSide | None = None
    bidirectional: bool = False
    query_max_length: int | None = None
    document_max_length: int | None = None
    document_as_pair: bool = False
    query_prefix: str | None = ""
    document_prefix: str | None = ""
    generated_takes_query_prefix: bool = False
    gpu_dtype: ComputeType = "float32"
    served_as: str = ""
    most_tokens: int | None = None
    tokens_of: str = ""
    quoted: bool = False
    sends_input_type: bool = False

    @model_validator(mode="after")
    def _names_what_it_pools(self) -> ModelEntry:
        if self.pooling == "last" and not self.last_token:
            raise ValueError(f"{self.key} pools the last token, and its last_token is not stated")
        return self


class Registry(BaseModel):
    """`models.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[ModelEntry, ...]

    def find(self, name: str) -> ModelEntry | None:
        """The entry a user means by its key or its hub id; of several with one hub id the first."""
        return next((entry for entry in self.models if name in (entry.key, entry.hub_id)), None)


@cache
def registry() -> Registry:
    """The models the suite knows."""
    import yaml

    return Registry.model_validate(yaml.safe_load(_REGISTRY.read_text(encoding="utf-8")))
