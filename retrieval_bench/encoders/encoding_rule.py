"""Rules of encoding beside a model's weights: pooling, prefixes, instructions, end tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from bench_core.identity import Json, content_hash
from retrieval_bench.types import Role

Pooling = Literal["mean", "cls", "last"]
PaddingSide = Literal["left", "right"]
ComputeType = Literal["float32", "float16", "bfloat16"]


def library_versions() -> dict[str, Json]:
    """Versions of the libraries that make tokens of texts: another one may make others of the same files.

    So did transformers 5 of checkpoints that ask for an end token in `tokenizer_config.json` only.
    """
    return {name: _version(name) for name in ("tokenizers", "transformers")}


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


@dataclass(frozen=True)
class TextRule:
    """What is done with the texts of one role before they are tokens.

    Attributes:
        prefix: put before each text; None: the prompt of this role that the model's own files name, if any.
        max_length: tokens that stay, prefix and special tokens included; None: as many as the model takes.
        is_imported: the prefix is from a user's clone of a benchmark's code: its hash is shown, and its text nowhere.
        as_pair: the text is the second of a pair whose first is empty (MedCPT's articles: title, abstract).
    """

    prefix: str | None = ""
    max_length: int | None = None
    as_pair: bool = False
    is_imported: bool = False

    @property
    def described_prefix(self) -> Json:
        """The prefix as artefacts may show it."""
        return {"sha256": content_hash([self.prefix or ""])} if self.is_imported else self.prefix


@dataclass(frozen=True)
class EncodingRule:
    """What stands between the weights and the vectors.

    Attributes:
        pooling: mean of the tokens, the first (cls) or the last one; None: the modules saved with the model.
        normalize: whether vectors are divided by their length; None: the modules saved with the model.
        pools_prefix: whether the prefix's tokens count in the pooling.
        last_token: the token that ends each text, within the length; put there where the tokenizer does not do it.
            Empty: as the tokenizer has it. Models that pool the last token were trained with a certain one: tokenizers
            of one checkpoint put it there or not, depending on which of its files a library follows.
        padding_side: where short texts are filled up; None: as the tokenizer is saved.
        bidirectional: a decoder's tokens see those behind them too.
        texts: what is done with a role's texts.
    """

    pooling: Pooling | None = None
    normalize: bool | None = None
    pools_prefix: bool = True
    last_token: str = ""
    padding_side: PaddingSide | None = None
    bidirectional: bool = False
    texts: Mapping[Role, TextRule] = field(
        default_factory=lambda: {role: TextRule(prefix=None) for role in ("document", "query", "generated")}
    )

    def describe(self, role: Role) -> dict[str, Json]:
        """The rule as far as texts of this role depend on it."""
        shared = {name: value for name, value in vars(self).items() if name != "texts"}
        text = self.texts[role]
        rule = {"prefix": text.described_prefix, "max_length": text.max_length, "as_pair": text.as_pair}
        return {**shared, **rule}
