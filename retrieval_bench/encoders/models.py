"""Encoders by the names users give models.

Those of the registry (`models.yaml`) have their rules there. Any hub id or folder works too: saved with
sentence-transformers it keeps its own modules and prompts; the tokens of a bare checkpoint are averaged unless
`pooling=` says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench_core.errors import UserError
from bench_core.machine.http import KEY_VARIABLE, unset_key
from bench_core.machine.model_files import ModelFiles, ModelOptions
from bench_core.plugins.arguments import did_you_mean
from retrieval_bench.datasets.card import UNKNOWN, DatasetCard
from retrieval_bench.datasets.tasks import TaskWords, words_of
from retrieval_bench.encoders.embeddings_api import Endpoint
from retrieval_bench.encoders.encoder import Encoder
from retrieval_bench.encoders.encoding_rule import ComputeType, EncodingRule, Pooling, TextRule
from retrieval_bench.encoders.endpoint import EncodingFormat, EndpointEncoder, ServedModel
from retrieval_bench.encoders.model_registry import ModelEntry, registry
from retrieval_bench.encoders.sentence_transformer import Computation, SentenceTransformerEncoder, TwoEncoders
from retrieval_bench.types import Role

PACKAGED_MODEL = "minilm"
"""all-MiniLM-L6-v2 as the Python package of the extra `demo` carries it: works offline."""


@dataclass(frozen=True)
class EncoderOptions(ModelOptions):
    """What a user may say about a model besides its name. None, and empty: as the registry or the model has it.

    Attributes:
        revision: commit, tag or branch of a hub model.
        rules: the key of a model whose pooling, lengths and prefixes hold for this one (a local copy, a fine-tuning).
        document_model: the folder or hub id of the documents' weights, where they are others.
        pooling: which token vectors become the text's; without: as the registry or the model says, as in the next four.
        normalize: whether the encoder's outputs are brought to length 1.
        query_prefix, document_prefix: put before each text, in place of an instruction.
        max_length: tokens that stay of queries and of documents.
        trust_remote_code: run the Python code that comes with the model.
        device: `cpu`, `cuda:1`, or several with commas between them; without: the GPUs there are.
        dtype: what is computed in; a processor else uses float32.
        endpoint: base URL of an OpenAI-compatible API that serves the model; texts are sent there.
        key_variable: the environment variable that holds its key.
        dimensions: how many an endpoint shall answer with, where its model can shorten vectors.
        encoding_format: how an endpoint's numbers travel.
    """

    rules: str = ""
    document_model: str = ""
    pooling: Pooling | None = None
    normalize: bool | None = None
    query_prefix: str | None = None
    document_prefix: str | None = None
    max_length: int | None = None
    trust_remote_code: bool = False
    dtype: ComputeType | None = None
    endpoint: str = ""
    key_variable: str = KEY_VARIABLE
    dimensions: int | None = None
    encoding_format: EncodingFormat = "float"

    def unset_key(self) -> str:
        """The environment variable of the key that the endpoint needs and that is not set; else the empty string."""
        return unset_key(self.endpoint, self.key_variable) if self.endpoint else ""

    def __post_init__(self) -> None:
        """Refuse a length of nothing.

        Raises:
            UserError: `max_length` is below 1.
        """
        if self.max_length is not None and self.max_length < 1:
            raise UserError(f"max_length={self.max_length} does not fit: it must be at least 1.")


def create_encoder(
    model: str,
    options: EncoderOptions = EncoderOptions(),
    card: DatasetCard = UNKNOWN,
    prefixes: Mapping[str, str] | None = None,
) -> Encoder:
    """The encoder a user means; weights are loaded when the first text is encoded or counted.

    Args:
        model: a key of the registry, a folder, or a hub id; with an endpoint, the name it serves the model by.
        card: of what is searched; its task words the instructions.
        prefixes: what stands before a `query` and a `document` for this dataset, where a user imported such a table;
            `options` has precedence.

    Raises:
        UserError: no such model, options that do not fit it, or code that the user has not allowed to run.
    """
    entry = _entry(model, options)
    _check_fit(options, bool(options.endpoint) or (entry is not None and entry.loader == "endpoint"))
    rules = entry or ModelEntry(key=model, query_prefix=None, document_prefix=None)
    texts = _text_rules(rules, options, words_of(card.task), prefixes or {})
    is_key = entry is not None and model == entry.key
    if options.endpoint or rules.loader == "endpoint":
        return _served((rules.served_as or rules.hub_id) if is_key else model, rules, options, texts)
    rule = EncodingRule(
        pooling=options.pooling or rules.pooling,
        normalize=rules.normalize if options.normalize is None else options.normalize,
        pools_prefix=rules.pools_prefix,
        last_token=rules.last_token if (options.pooling or rules.pooling) == rules.pooling else "",
        padding_side=rules.padding_side,
        bidirectional=rules.bidirectional,
        texts=texts,
    )
    devices = tuple(device.strip() for device in options.device.split(",") if device.strip())
    computation = Computation(devices, rules.gpu_dtype, options.dtype)
    files = _files_of(entry, options) if entry and is_key else ModelFiles(model, _revision(model, entry, options))
    if rules.loader == "nv-embed":
        from retrieval_bench.encoders.nv_embed import NvEmbedEncoder

        return NvEmbedEncoder(files, rule, computation, options.trust_remote_code)
    trusted = options.trust_remote_code
    encoder = SentenceTransformerEncoder(files, rule, computation, trusted)
    other = options.document_model or (rules.document_hub_id if is_key else "")
    if not other:
        return encoder
    return TwoEncoders(encoder, SentenceTransformerEncoder(ModelFiles(other), rule, computation, trusted))


def rules_of(model: str, rules: str = "") -> str:
    """The key of the registry whose rules hold for a model; its own name where there is none."""
    entry = registry().find(rules or model)
    return entry.key if entry is not None else model


def _entry(model: str, options: EncoderOptions) -> ModelEntry | None:
    """The entry whose rules hold for a model.

    Raises:
        UserError: the name is neither a key, a folder nor a hub id; or `rules` is no key.
    """
    keys = [entry.key for entry in registry().models]
    if options.rules:
        entry = registry().find(options.rules)
        if entry is None:
            raise UserError(f"rules={options.rules} names no model of the registry{did_you_mean(options.rules, keys)}.")
        return entry
    entry = registry().find(model)
    if entry is None and "/" not in model and not options.endpoint and not Path(model).expanduser().is_dir():
        raise UserError(
            f"There is no model {model!r}{did_you_mean(model, keys)}; known are {', '.join(keys)}, and any folder or "
            "hub id (owner/name)."
        )
    return entry


_OF_ENDPOINTS = ("key_variable", "dimensions", "encoding_format")
_OF_MODELS_HERE = ("revision", "document_model", "pooling", "normalize", "trust_remote_code", "device", "dtype")


def _check_fit(options: EncoderOptions, served: bool) -> None:
    """Refuse what would be without effect.

    Raises:
        UserError: an option of endpoints for a model that runs here, or the other way round.
    """
    default = EncoderOptions()
    for name in _OF_MODELS_HERE if served else _OF_ENDPOINTS:
        if getattr(options, name) != getattr(default, name):
            kind = "a model that runs here, and this one is served by an endpoint" if served else "an endpoint"
            raise UserError(f"{name}= is for {kind}{'' if served else '; name one with endpoint='}.")


def _files_of(entry: ModelEntry, options: EncoderOptions) -> ModelFiles:
    """Where a registered model is: in its package, or on the hub at its commit."""
    if not entry.package:
        return ModelFiles(entry.hub_id, _revision(entry.hub_id, entry, options))
    if find_spec(entry.package) is None:
        raise UserError(
            f"The packaged model {entry.key} is missing; pip install 'biomed-bench[demo]', or give {entry.hub_id}."
        )
    path: Any = import_module(entry.package).get_model_path()
    return ModelFiles(str(path), options.revision)


def _revision(hub_id: str, entry: ModelEntry | None, options: EncoderOptions) -> str:
    return options.revision or (entry.revision if entry is not None and entry.hub_id == hub_id else "")


def _text_rules(
    entry: ModelEntry, options: EncoderOptions, words: TaskWords, prefixes: Mapping[str, str]
) -> dict[Role, TextRule]:
    """What is done with the texts of each role: the user's word, then an imported table's, then the registry's."""

    def prefix(given: str | None, imported: str | None, template: str | None) -> str | None:
        if given is not None or imported is not None:
            return given if given is not None else imported
        return template if template is None else template.format(**vars(words))

    query = TextRule(
        prefix(options.query_prefix, prefixes.get("query"), entry.query_prefix),
        options.max_length or entry.query_max_length,
        is_imported=options.query_prefix is None and "query" in prefixes,
    )
    document = TextRule(
        prefix(options.document_prefix, prefixes.get("document"), entry.document_prefix),
        options.max_length or entry.document_max_length,
        as_pair=entry.document_as_pair,
        is_imported=options.document_prefix is None and "document" in prefixes,
    )
    generated = query if entry.generated_takes_query_prefix else replace(query, prefix="", is_imported=False)
    return {"query": query, "document": document, "generated": generated}


def _served(name: str, entry: ModelEntry, options: EncoderOptions, texts: Mapping[Role, TextRule]) -> EndpointEncoder:
    if not options.endpoint:
        raise UserError(
            f"{entry.key} is served by an endpoint; name it to send texts there, for example "
            "endpoint=https://api.openai.com/v1."
        )
    served = ServedModel(
        name=name,
        most_tokens=options.max_length or entry.most_tokens,
        tokens_of=entry.tokens_of,
        quoted=entry.quoted,
        sends_input_type=entry.sends_input_type,
        texts=texts,
        dimensions=options.dimensions,
        encoding_format=options.encoding_format,
    )
    return EndpointEncoder(served, Endpoint(options.endpoint, options.key_variable))
