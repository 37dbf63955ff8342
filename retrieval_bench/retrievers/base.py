"""What a retriever of your own need not write: its description, and opening what lives in memory."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.registry import Family, source_hash
from retrieval_bench.types import Corpus, Description, Query, RankedList

RETRIEVERS = Family(
    kind="retriever",
    builtins={
        "bm25": "retrieval_bench.retrievers.bm25:Bm25",
        "bm25-qs": "retrieval_bench.retrievers.bm25:Bm25QuerySide",
        "dense": "retrieval_bench.retrievers.dense:Dense",
    },
    group="retrieval_bench.retrievers",
)


class RetrieverBase:
    """Base of retrievers: write `index` and `search`; write `open` too if `index` writes to its folder.

    The description is the constructor's arguments and a hash of the source file the class stands in, so that a changed
    argument or a changed line is another system. Override `describe` to leave out what cannot change results.
    """

    _arguments: Mapping[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> RetrieverBase:
        """Remember the constructor's arguments, defaults included, for `describe`."""
        self = super().__new__(cls)
        if cls.__init__ is object.__init__:
            self._arguments = {}
        else:
            bound = inspect.signature(cls.__init__).bind(self, *args, **kwargs)
            bound.apply_defaults()
            self._arguments = dict(list(bound.arguments.items())[1:])
        return self

    def describe(self) -> Description:
        """Class name, arguments and source hash.

        Raises:
            UserError: an argument that JSON cannot hold.
        """
        try:
            arguments = json.loads(json.dumps(self._arguments, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise UserError(
                f"{type(self).__name__}: its arguments cannot be described ({error}); write describe() to say what "
                "changes its results."
            ) from error
        return Description(type(self).__name__, index={"source": source_hash(type(self)), "arguments": arguments})

    def index(self, corpus: Corpus, index_dir: Path) -> None:
        """See `retrieval_bench.types.Retriever`."""
        raise NotImplementedError

    def open(self, corpus: Corpus, index_dir: Path) -> None:
        """Index again: right for whatever lives in memory alone."""
        self.index(corpus, index_dir)

    def search(self, queries: Sequence[Query], k: int) -> Iterable[RankedList]:
        """See `retrieval_bench.types.Retriever`."""
        raise NotImplementedError

    def recorded(self) -> Mapping[str, Json]:
        """What is worth recording and changes nothing: device, batch size, threads."""
        return {}
