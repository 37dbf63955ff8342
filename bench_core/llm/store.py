"""Answers on disk, one JSON file each, found by everything they were made from.

`<root>/<first two digits>/<key>.json`, the key being the sha256 of endpoint, model, what is sent beside the request,
messages, sampling and sample number: of these only what is set, so that a field that comes later changes no key.
The files are their owner's alone, since the texts may be patients'; each says whether it was made of credentialed data.
"""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import MISSING, Field, asdict, astuple, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_core.artifacts import OWNERS_FILE, OWNERS_FOLDER, read_json, write_atomically, write_json
from bench_core.characters import printable
from bench_core.data_use import ACCESSES, Access, check_export
from bench_core.errors import BadFile, BenchError, UserError
from bench_core.identity import Json, identity_hash
from bench_core.llm.chat import ChatRequest, ChatResponse, ToolCall, Usage

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SCHEMA_VERSION = 2
"""2: with a hash of all that is stored; what version 1 wrote, without one, is believed as it stands."""
_HASH = "sha256"
_STRICTNESS: tuple[Access | None, ...] = (None, "public", "credentialed")
# Lock files cannot be deleted safely while others may wait for them, so there is a bounded number, each for many keys:
# 65,536, of which two requests under way seldom want the same.
_DIGITS_OF_A_LOCK = 4


@dataclass(frozen=True)
class Stored:
    """One answer with all it was made from.

    Attributes:
        access: of the dataset that it was asked for; None: not said, as in files of earlier versions. No part of the
            key: what is asked decides what is answered.
    """

    made_from: Mapping[str, Json]
    response: ChatResponse
    access: Access | None = None

    @property
    def key(self) -> str:
        """What it is found by."""
        return identity_hash(self.made_from)

    def as_json(self) -> dict[str, Any]:
        """The content of its file."""
        response = asdict(self.response)
        if not self.response.tool_calls:
            del response["tool_calls"]
        content = {"schema_version": SCHEMA_VERSION, "made_from": self.made_from, "response": response}
        content |= {"access": self.access} if self.access else {}
        return {**content, _HASH: identity_hash(content)}

    @classmethod
    def from_json(cls, content: Any, path: Path, line: int | None = None) -> Stored:
        """Read what `as_json` wrote.

        Raises:
            BadFile: it is something else, or an answer that must not be stored.
        """
        try:
            version, sha256 = content["schema_version"], content.get(_HASH)
            if version not in (1, SCHEMA_VERSION):
                raise BadFile(path, f"expected an answer of schema version {SCHEMA_VERSION} and found {version}", line)
            content = {name: value for name, value in content.items() if name != _HASH}
            if (sha256 is not None or version != 1) and sha256 != identity_hash(content):
                raise BadFile(path, "this answer is not as it was stored", line)
            access = content.get("access")
            if access not in (None, *ACCESSES):
                raise BadFile(path, f"expected access to be public or credentialed and found {access!r}", line)
            stored = cls(dict(content["made_from"]), _response(content["response"]), access)
            _ = stored.key, model_name(stored)
        except BadFile:
            raise
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise BadFile(path, f"expected a stored answer ({error})", line) from error
        if stored.response.problem:
            raise BadFile(path, f"this answer is {stored.response.problem}, and such are not stored", line)
        return stored


def made_from(client: Mapping[str, Json], request: ChatRequest) -> dict[str, Json]:
    """Everything an answer depends on.

    Args:
        client: what `ChatClient.describe` gives.
    """
    return {
        **what_is_set(request),
        "client": dict(client),
        "messages": [what_is_set(message) for message in request.messages],
        "sampling": request.sampling.describe(),
        "sample": request.sample,
    }


def what_is_set(value: DataclassInstance) -> dict[str, Json]:
    """The fields of a data class as JSON: those without a default, and those that differ from it."""
    return {
        item.name: _as_json(getattr(value, item.name))
        for item in fields(value)
        if _default_of(item) is MISSING or getattr(value, item.name) != _default_of(item)
    }


def _default_of(item: Field[Any]) -> Any:
    return item.default if item.default_factory is MISSING else item.default_factory()


def _as_json(value: Any) -> Json:
    if is_dataclass(value) and not isinstance(value, type):
        return what_is_set(value)
    return [_as_json(item) for item in value] if isinstance(value, list | tuple) else value


def _on_standard_error(sentence: str) -> None:
    with suppress(OSError, ValueError):  # nobody listens
        print(printable(sentence), file=sys.stderr)


class ResponseStore:
    """The answers below a folder. Several threads and processes may use it at once.

    Args:
        warn: told of each file that is damaged.
    """

    def __init__(self, root: Path, warn: Callable[[str], None] = _on_standard_error) -> None:
        self.root, self._warn = root, warn

    def get(self, key: str) -> Stored | None:
        """The answer of a key; None where there is none, or its file is damaged and must be made again."""
        path = self._path(key)
        try:
            stored = Stored.from_json(read_json(path), path)
            if stored.key != key:
                raise BadFile(path, "this is the answer to something else")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except BadFile as error:
            self._warn(f"{error} It is not used; where it is needed the model is asked again.")
            return None
        return stored

    def put(self, stored: Stored) -> None:
        """Keep an answer.

        Raises:
            ValueError: one that was refused, cut off or is empty.
        """
        if stored.response.problem:
            raise ValueError(f"an answer that is {stored.response.problem} is never stored")
        self.make_root()
        write_json(self._path(stored.key), stored.as_json(), OWNERS_FILE)

    @contextmanager
    def being_made(self, key: str) -> Iterator[None]:
        """Hold a key while its answer is asked for: who else wants it waits, and then finds it."""
        from filelock import FileLock

        self.make_root()
        lock = FileLock(self.root / "locks" / f"{key[:_DIGITS_OF_A_LOCK]}.lock")
        with self._writing():
            Path(lock.lock_file).parent.mkdir(exist_ok=True)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def is_empty(self) -> bool:
        """Whether nothing was ever stored; no answer is read."""
        return next(self.root.glob("??/*.json"), None) is None

    def __iter__(self) -> Iterator[Stored]:
        for path in sorted(self.root.glob("??/*.json")):
            stored = self.get(path.stem)
            if stored is not None:
                yield stored

    def statistics(self) -> list[tuple[str, int, int, int, int]]:
        """For each model: its name, answers, prompt tokens, completion tokens, answers of credentialed data."""
        counts: dict[str, Counter[str]] = {}
        for stored in self:
            usage = stored.response.usage
            counts.setdefault(model_name(stored), Counter()).update(
                answers=1,
                prompt=usage.prompt_tokens or 0,
                completion=usage.completion_tokens or 0,
                credentialed=stored.access == "credentialed",
            )
        return [
            (model, found["answers"], found["prompt"], found["completion"], found["credentialed"])
            for model, found in sorted(counts.items())
        ]

    def mark(self, stored: Stored, access: Access | None) -> Stored:
        """Let a stored answer say that it was used for data of this access; the strictest stays."""
        if _STRICTNESS.index(access) <= _STRICTNESS.index(stored.access):
            return stored
        marked = replace(stored, access=access)
        with self.being_made(stored.key):
            self.put(marked)
        return marked

    def export(self, path: Path, model: str = "", may_be_credentialed: bool = False) -> int:
        """Write all answers, or those of one model, as gzipped JSON lines in the order of their keys.

        Raises:
            UserError: there is none; or one was made of credentialed data, or does not say of which, and that is not
                allowed.
        """
        found = [stored for stored in self if not model or model_name(stored) == model]
        if not found:
            raise UserError(f"There is no answer{f' of {model}' if model else ''} to export in {self.root}.")
        check_export(str(path), (stored.access for stored in found), may_be_credentialed)
        lines = [json.dumps(stored.as_json(), sort_keys=True, ensure_ascii=False) for stored in found]
        write_atomically(path, gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0), OWNERS_FILE)
        return len(lines)

    def import_archive(self, path: Path) -> tuple[int, int]:
        """Take over what `export` wrote; all of it is checked before the first is kept.

        Returns:
            How many answers are new, and how many were there already (those stay as they are).

        Raises:
            BadFile: a line is no answer.
        """
        try:
            with gzip.open(path, "rt", encoding="utf-8") as file:
                lines = [line for line in file if line.strip()]
        except FileNotFoundError as error:
            raise UserError(f"{path}: there is no such file.") from error
        except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
            raise BadFile(path, f"expected a gzipped archive of answers ({error})") from error
        answers = [_answer_of_line(line, path, number) for number, line in enumerate(lines, start=1)]
        n_new = 0
        for stored in answers:
            there = self.get(stored.key)
            if there is None:
                self.put(stored)
                n_new += 1
            else:
                self.mark(there, stored.access)
        return n_new, len(answers) - n_new

    def prune(self, model: str = "") -> int:
        """Delete all answers, or those of one model; returns how many."""
        doomed = [stored.key for stored in self if not model or model_name(stored) == model]
        for key in doomed:
            self._path(key).unlink(missing_ok=True)
        return len(doomed)

    def nearest(self, wanted: Mapping[str, Json]) -> tuple[Stored, list[str]] | None:
        """The stored answer that differs from what is wanted in the fewest fields, and which those are."""
        flat = _flat(wanted)
        best: tuple[Stored, list[str]] | None = None
        for stored in self:
            other = _flat(stored.made_from)
            differing = sorted(name for name in flat.keys() | other.keys() if flat.get(name) != other.get(name))
            if best is None or len(differing) < len(best[1]):
                best = stored, differing
        return best

    def _path(self, key: str) -> Path:
        return self.root / key[:2] / f"{key}.json"

    def make_root(self) -> None:
        """Make the folder where it is not there, its owner's alone.

        Raises:
            BenchError: it cannot be made.
        """
        with self._writing():
            if not self.root.is_dir():
                self.root.mkdir(parents=True, exist_ok=True)
                self.root.chmod(OWNERS_FOLDER)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            cause = error.strerror or error
            raise BenchError(
                f"{self.root}: answers cannot be stored there ({cause}); name another folder with --cache."
            ) from error


def model_name(stored: Stored) -> str:
    """The model an answer is of."""
    client: Any = stored.made_from["client"]
    return str(client.get("model", client))


def _response(content: Any) -> ChatResponse:
    """A response out of the fields of it that were set.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: they are of another form.
    """
    calls = tuple(ToolCall(**call) for call in content.get("tool_calls", ()))
    usage = Usage(**content["usage"])
    of_calls = (text for call in calls for text in astuple(call))
    texts = [content["text"], content["reasoning"], content["finish"], *of_calls]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is none")
    numbers = [content["seconds"], *(number for number in astuple(usage) if number is not None)]
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
        raise TypeError("a number is none")
    return ChatResponse(**{**content, "usage": usage, "tool_calls": calls})


def _answer_of_line(line: str, path: Path, number: int) -> Stored:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadFile(path, f"this is not JSON ({error})", number) from error
    return Stored.from_json(content, path, number)


def _flat(value: Json, name: str = "") -> dict[str, Json]:
    """Every leaf of nested JSON under the path that leads to it."""
    if isinstance(value, Mapping):
        pairs: list[tuple[str, Json]] = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        pairs = [(str(number), item) for number, item in enumerate(value)]
    else:
        return {name: value}
    return {key: leaf for part, item in pairs for key, leaf in _flat(item, f"{name}.{part}" if name else part).items()}
