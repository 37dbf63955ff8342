"""Corpus, queries and judgments among the files of a repository: JSON lines or Parquet, in one file or several."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from bench_core.errors import BadFile, UserError

Read = TypeVar("Read")

_FORMS = (".jsonl", ".jsonl.gz", ".parquet")
_FORM = "(?:{})".format("|".join(map(re.escape, _FORMS)))
_SHARD = r"(?:-\d+-of-\d+)?"
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class PartNames:
    """The files of each part, as paths in their repository; those of one part follow each other."""

    corpus: tuple[str, ...]
    queries: tuple[str, ...]
    qrels: tuple[str, ...]

    @property
    def all(self) -> list[str]:
        """Every file."""
        return [*self.corpus, *self.queries, *self.qrels]


def find_parts(names: Sequence[str], place: str) -> PartNames:
    """Find `corpus.jsonl`, `corpus-00000-of-00002.parquet`, `corpus/anything.parquet`, and likewise query and qrels.

    Files nearest to the top count, of these JSON lines before Parquet.

    Args:
        names: paths, with `/` between folders.
        place: where they are, for the message.

    Raises:
        UserError: a part is missing.
    """
    return PartNames(
        corpus=_files_of("corpus", names, place),
        queries=_files_of("quer(?:y|ies)", names, place),
        qrels=_files_of("qrels", names, place),
    )


def read_part(paths: Sequence[Path], read: Callable[[Path], Read]) -> Read:
    """Read a part with a reader of JSON lines files.

    Raises:
        BadFile: as the reader's; of a part in another form it names the first file, and counts rows instead of lines.
    """
    if len(paths) == 1 and not paths[0].name.endswith(".parquet"):
        return read(paths[0])
    with TemporaryDirectory() as folder:
        rewritten = Path(folder) / "rows.jsonl"
        with rewritten.open("w", encoding="utf-8") as file:
            for path in paths:
                file.writelines(_lines(path))
        try:
            return read(rewritten)
        except BadFile as error:
            raise BadFile(paths[0], error.expected, error.line) from error


def _files_of(part: str, names: Sequence[str], place: str) -> tuple[str, ...]:
    pattern = re.compile(rf"(?:.*/)?(?:{part}{_SHARD}|{part}/(?:[^/]+/)?[^/]+){_FORM}")
    found = [name for name in names if pattern.fullmatch(name)]
    if not found:
        shown = "query" if part.startswith("quer") else part
        raise UserError(f"{place}: {shown}.jsonl is missing, and there is no {shown}/….parquet either.")
    best = min(_rank(name) for name in found)
    return tuple(sorted(name for name in found if _rank(name) == best))


def _rank(name: str) -> tuple[int, int, str]:
    folder, _, file = name.rpartition("/")
    form = next(position for position, form in enumerate(_FORMS) if file.endswith(form))
    return name.count("/"), form, folder


def _lines(path: Path) -> Iterator[str]:
    if path.name.endswith(".parquet"):
        for row in _parquet_rows(path):
            yield json.dumps(row, ensure_ascii=False, default=str) + "\n"
        return
    from bench_core.jsonl import read_lines

    for _, line in read_lines(path):
        yield line + "\n"


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise BadFile(path, f"this is not a whole Parquet file ({' '.join(str(error).split()).rstrip('.')})") from error
