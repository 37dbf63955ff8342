"""Encoders behind an OpenAI-compatible endpoint: OpenAI, Azure, Voyage, vLLM, Ollama, llama.cpp.

Nothing is sent anywhere but to the endpoint a user names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from bench_core.errors import BenchError
from bench_core.identity import Json
from retrieval_bench.encoders.embeddings_api import Endpoint, TooLong
from retrieval_bench.encoders.encoding_rule import TextRule
from retrieval_bench.types import Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EncodingFormat = Literal["float", "base64"]

_TEXTS_A_REQUEST = 128
# Where the model's tokenizer is not here: English biomedical text has four characters a token, or more.
_CHARACTERS_A_TOKEN = 4
# As R2MED does it: a text that is refused loses 500 tokens at a time, at most four times.
_TOKENS_LOST, _MOST_CUTS = 500, 4


@dataclass(frozen=True)
class ServedModel:
    """A model as its endpoint knows it, and how texts are sent to it.

    Attributes:
        name: the endpoint's name of it.
        most_tokens: a longer text is cut before it is sent; None: the endpoint decides.
        tokens_of: tiktoken's name of the tokenizer they are counted by; without it, or without tiktoken, characters.
        quoted: a text is sent as a JSON string, line breaks replaced by spaces (R2MED's code does that).
        sends_input_type: the request says `query` or `document` (Voyage).
        texts: what is put before the texts of each role; nothing before those of a role that is not in it.
        dimensions: what is asked of models that can shorten their vectors; None: all.
        encoding_format: how numbers are asked to travel.
    """

    name: str
    most_tokens: int | None = None
    tokens_of: str = ""
    quoted: bool = False
    sends_input_type: bool = False
    texts: Mapping[Role, TextRule] = field(default_factory=dict)
    dimensions: int | None = None
    encoding_format: EncodingFormat = "float"

    def prefix(self, role: Role) -> str:
        """What is put before texts of a role."""
        return self.rule(role).prefix or ""

    def rule(self, role: Role) -> TextRule:
        """What is done with texts of a role."""
        return self.texts.get(role, TextRule())


class EndpointEncoder:
    """A model served over HTTP."""

    def __init__(self, model: ServedModel, endpoint: Endpoint) -> None:
        self.model, self.endpoint = model, endpoint
        self._dim = model.dimensions
        self._n_cut = 0

    @property
    def is_remote(self) -> bool:
        """Whether texts leave this machine."""
        return self.endpoint.is_remote

    def describe(self, role: Role) -> Mapping[str, Json]:
        """The endpoint, its model, and what is done to texts; neither key nor query of the URL."""
        model = self.model
        return {
            "endpoint": self.endpoint.identity,
            "model": model.name,
            "dimensions": model.dimensions,
            "most_tokens": model.most_tokens,
            "tokens_of": self._tokens_of,
            "quoted": model.quoted,
            "input_type": self._input_type(role),
            "prefix": model.rule(role).described_prefix or "",
        }

    def recorded(self) -> Mapping[str, Json]:
        """Texts a request, and how many texts were cut after a refusal."""
        return {"texts_a_request": _TEXTS_A_REQUEST, "n_cut_after_refusal": self._n_cut}

    def notes(self) -> Sequence[str]:
        """Says where texts were cut by characters, or because the endpoint refused them."""
        notes = []
        if self.model.most_tokens and self._tokens_of == "characters":
            longest = self.model.most_tokens * _CHARACTERS_A_TOKEN
            notes.append(f"{self.model.name}: texts were cut at {longest} characters, for want of its tokenizer here.")
        if self._n_cut:
            notes.append(f"{self.model.name}: {self._n_cut} texts were cut further, since the endpoint refused them.")
        return notes

    def lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """(n_texts,) tokens of each text as a document, after it is cut; estimated without the tokenizer."""
        import numpy as np

        return np.array([self._n_tokens(self._prepared(text, "document")) for text in texts], dtype=np.int64)

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        """(n_texts, dim) float32, in as many requests as it takes.

        Raises:
            BenchError: the endpoint fails, or its answer does not fit.
        """
        import numpy as np

        prepared = [self._prepared(text, role) for text in texts]
        pieces = [
            self._embed(prepared[start : start + _TEXTS_A_REQUEST], role)
            for start in range(0, len(prepared), _TEXTS_A_REQUEST)
        ]
        return np.concatenate(pieces)

    def _embed(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        """One request; where a text is too long, halves of it, so that only that text is cut and no other."""
        import numpy as np

        try:
            return self._request(texts, role)
        except TooLong:
            if len(texts) > 1:
                half = len(texts) // 2
                return np.concatenate([self._embed(texts[:half], role), self._embed(texts[half:], role)])
            return self._embed_cut(texts[0], role)

    def _embed_cut(self, text: str, role: Role) -> NDArray[np.float32]:
        most, said = min(self.model.most_tokens or self._n_tokens(text), self._n_tokens(text)), ""
        self._n_cut += 1
        for cut in range(1, _MOST_CUTS + 1):
            # A short limit would be gone at once by upstream's 500: a tenth a time then.
            most_left = most - cut * min(_TOKENS_LOST, max(most // 10, 1))
            try:
                return self._request([self._cut(text, max(most_left, 1))], role)
            except TooLong as error:
                said = str(error)
        raise BenchError(f"{self.endpoint.place} refuses a text though it was cut {_MOST_CUTS} times: {said}")

    def _request(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        body: dict[str, Json] = {
            "model": self.model.name,
            "input": list(texts),
            "encoding_format": self.model.encoding_format,
        }
        if self.model.dimensions:
            body["dimensions"] = self.model.dimensions
        if self.model.sends_input_type:
            body["input_type"] = self._input_type(role)
        vectors = self.endpoint.embed(body, len(texts))
        if self._dim not in (None, vectors.shape[1]):
            raise BenchError(
                f"{self.endpoint.place} answered with {vectors.shape[1]} dimensions where {self._dim} were expected."
            )
        self._dim = vectors.shape[1]
        return vectors

    def _input_type(self, role: Role) -> str:
        """What a text is to a model that asks; R2MED sends generated texts as queries."""
        return "" if not self.model.sends_input_type else "document" if role == "document" else "query"

    def _prepared(self, text: str, role: Role) -> str:
        """A text as it is sent: endpoints refuse an empty one."""
        text = self.model.prefix(role) + text
        if self.model.most_tokens:
            text = self._cut(text, self.model.most_tokens)
        return json.dumps(text.replace("\n", " ")) if self.model.quoted else text if text.strip() else " "

    def _n_tokens(self, text: str) -> int:
        if self._tokenizer is None:
            return -(-len(text) // _CHARACTERS_A_TOKEN)
        return len(self._tokenizer.encode_ordinary(text))

    def _cut(self, text: str, most_tokens: int) -> str:
        if self._tokenizer is None:
            return text[: most_tokens * _CHARACTERS_A_TOKEN]
        tokens = self._tokenizer.encode_ordinary(text)
        return text if len(tokens) <= most_tokens else str(self._tokenizer.decode(tokens[:most_tokens]))

    @property
    def _tokens_of(self) -> str:
        """What lengths are counted in: it decides where a text is cut."""
        return self.model.tokens_of if self._tokenizer is not None else "characters"

    @cached_property
    def _tokenizer(self) -> Any:
        """tiktoken's, where it is installed and has the tokenizer's table; else None."""
        if not self.model.tokens_of or find_spec("tiktoken") is None:
            return None
        try:
            return import_module("tiktoken").get_encoding(self.model.tokens_of)
        except (OSError, ValueError):  # its table is not on this machine and cannot be fetched
            return None
