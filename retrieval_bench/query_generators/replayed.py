"""Replay texts generated before: JSON lines, one a query."""

from __future__ import annotations

from pathlib import Path

from bench_core.artifacts import file_sha256
from bench_core.characters import whole_characters
from bench_core.errors import BadFile, UserError
from bench_core.jsonl import id_field, read_objects, text_field
from retrieval_bench.query_generators.base import GeneratedQuery, QueryGeneratorBase
from retrieval_bench.query_generators.combination import R2MED, R2MED_REASONING, Combination
from retrieval_bench.types import Description, Query


class Replay(QueryGeneratorBase):
    """A file of generated texts instead of a model.

    Args:
        path: JSON lines of `{query_id|id, text}`; R2MED's own files, which have the text as `hy_doc`, are read too.
        method: how the texts were made; decides how they are combined with the query. A method that is not in R2MED's
            table is combined as that of a reasoning model.
        lexical: the combination for lexical retrieval by name; empty: R2MED's for the method.
        dense: that for encoders.

    Raises:
        UserError: no such file.
        BadFile: a line without id or text, or an id that comes twice.
    """

    is_remote = False

    def __init__(self, path: str, method: str = "hyde", lexical: str = "", dense: str = "") -> None:
        file = Path(path)
        if not file.is_file():
            raise UserError(f"query generator replay: {file}: there is no such file.")
        default = R2MED.get(method, R2MED_REASONING)
        self._combination = Combination(lexical or default.lexical, dense or default.dense)
        self._method, self._sha256 = method, file_sha256(file)
        self._texts: dict[str, str] = {}
        for number, item in read_objects(file):
            query_id = id_field(file, number, item, ("query_id", "id"))
            if query_id in self._texts:
                raise BadFile(
                    file, f"query_id {query_id} stands in an earlier line already; keep one text a query", number
                )
            # R2MED's files carry the query itself as `text` beside what was generated for it.
            text = text_field(file, number, item, ("hy_doc",) if "hy_doc" in item else ("text",))
            self._texts[query_id] = whole_characters(text)

    def describe(self) -> Description:
        """The file's content and how it is combined."""
        combination = {"lexical": self._combination.lexical, "dense": self._combination.dense}
        return Description("replay", search={"texts_sha256": self._sha256, "combination": combination})

    def generate(self, query: Query) -> GeneratedQuery:
        """The text of the file; a query that has none is not searched for."""
        text = self._texts.get(query.query_id, "")
        status = "ok" if text.strip() else "not in the file"
        return GeneratedQuery(query.query_id, text, self._combination, status)
