"""R2MED's instruction tables and prompt templates, from a user's clone of its repository.

Our own files hold none of these texts. What is imported lies in the user's configuration; it lets the published rows be
matched to the letter, and only its hash enters a run's identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from bench_core.artifacts import file_sha256, write_atomically
from bench_core.errors import UserError
from bench_core.runs.config import load_config
from retrieval_bench.datasets.r2med import r2med_sets
from retrieval_bench.upstream.constants import Definition, FolderConstants

Side = Literal["query", "document"]

# Upstream's names of the models that have instructions -> the keys of our registry.
MODEL_KEYS: Mapping[str, str] = {
    "inst-l": "instructor-l",
    "inst-xl": "instructor-xl",
    "bmr-410m": "bmretriever-410m",
    "bmr-2b": "bmretriever-2b",
    "bmr-7b": "bmretriever-7b",
    "bge": "bge-large",
    "e5": "e5-mistral",
    "sfr": "sfr-mistral",
    "grit": "gritlm-7b",
    "nv": "nv-embed-v2",
    "contriever": "contriever",
    "medcpt": "medcpt",
    "openai": "openai-large",
    "voyage": "voyage-3",
}
METHODS = ("hyde", "query2doc", "lamer")
_SIDE_WORDS: Mapping[Side, tuple[str, ...]] = {"query": ("quer",), "document": ("doc", "corpus", "passage")}
_HEADER = "# Taken from a clone of R2MED's code by `retrieval-bench import-upstream r2med`; its licence holds.\n"


class UpstreamTables(BaseModel):
    """The imported file.

    Attributes:
        sources: sha256 of each file of the clone that something was taken from.
        instructions: model key -> dataset_id -> side -> what stands before a text; a side that upstream's table does
            not name is not there.
        prompts: method -> dataset_id -> template with upstream's own fields.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: dict[str, str]
    instructions: dict[str, dict[str, dict[Side, str]]]
    prompts: dict[str, dict[str, str]]


@dataclass(frozen=True)
class ImportReport:
    """What an import found.

    Attributes:
        path: the file that was written.
        found: what is in it and where each table stood, a sentence each.
        missing: what was looked for and not found, or not understood.
    """

    path: Path
    found: tuple[str, ...]
    missing: tuple[str, ...]


def import_r2med(clone: Path, config_dir: Path | None = None) -> ImportReport:
    """Read the tables of a clone, whatever file they stand in, and keep them for later runs.

    Args:
        clone: the folder of the repository, or a folder in it.
        config_dir: in place of the user's configuration folder.

    Raises:
        UserError: there is no such folder, or no table in it; what was imported before stays.
    """
    if not clone.is_dir():
        raise UserError(f"{clone}: there is no such folder; give the folder of your clone of R2MED's code.")
    constants = FolderConstants.read(clone)
    instructions: dict[str, dict[str, dict[Side, str]]] = {}
    prompts: dict[str, dict[str, str]] = {}
    used: list[Definition] = []
    found: list[str] = []
    missing: list[str] = []

    for side in _SIDE_WORDS:
        table = _instruction_table(constants.definitions, side)
        if table is None:
            missing.append(f"{side} instructions: no table by model and dataset")
            continue
        used.append(table)
        found.append(
            f"{side} instructions for {_enter(table, side, instructions)} models ({table.name}, {table.place})"
        )
        unknown = sorted(str(key) for key in table.value if key not in MODEL_KEYS)
        missing += [f"{side} instructions of {key}: no model of ours is called so" for key in unknown]
    for method in METHODS:
        template = _best(_prompt_tables(constants.definitions, method))
        if template is None:
            missing.append(f"{method} prompts: no table by dataset")
            continue
        used.append(template)
        prompts[method] = _by_dataset(template.value)
        found.append(f"{method} prompts for {len(prompts[method])} datasets ({template.name}, {template.place})")
        lacking = [entry.dataset_id for entry in r2med_sets() if entry.dataset_id not in prompts[method]]
        missing += [f"{method} prompts of {dataset_id}" for dataset_id in lacking]
    missing += _left_out(constants)
    if not used:
        raise UserError(
            f"{clone}: no Python file there has a table by R2MED's datasets; give the folder of your clone of R2MED's "
            "code."
        )
    files = sorted({definition.place.rpartition(", line ")[0] for definition in used})
    tables = UpstreamTables(
        sources={name: file_sha256(clone / name) for name in files}, instructions=instructions, prompts=prompts
    )
    path = _path(config_dir)
    write_atomically(path, _HEADER + _yaml(tables))
    return ImportReport(path, tuple(found), tuple(missing))


def load_upstream(config_dir: Path | None = None) -> UpstreamTables | None:
    """What was imported; None where nothing was.

    Raises:
        BadFile: the file was changed into something else.
    """
    path = _path(config_dir)
    return load_config(path, UpstreamTables) if path.is_file() else None


def _path(config_dir: Path | None) -> Path:
    if config_dir is None:
        from platformdirs import user_config_path

        config_dir = user_config_path("biomed-bench")
    return config_dir / "upstream" / "r2med.yaml"


def _yaml(tables: UpstreamTables) -> str:
    import yaml

    text: str = yaml.safe_dump(tables.model_dump(), sort_keys=True, allow_unicode=True, width=10_000)
    return text


def _by_dataset(value: Any) -> dict[str, str]:
    """The texts of a table by dataset_id, whichever of its names upstream uses; keys of other datasets are dropped."""
    if not isinstance(value, dict):
        return {}
    texts = {key.lower(): text for key, text in value.items() if isinstance(key, str) and isinstance(text, str)}
    return {
        entry.dataset_id: texts[name]
        for entry in r2med_sets()
        for name in (entry.name, entry.upstream_name.lower())
        if name in texts
    }


def _instruction_table(definitions: Iterable[Definition], side: Side) -> Definition | None:
    """The table by model of one side that says most.

    One of its models at least has a text of its own for each dataset: upstream has tables of single texts too, which
    belong to another benchmark.
    """
    return _best(
        definition
        for definition in definitions
        if any(word in definition.name.lower() for word in _SIDE_WORDS[side])
        and any(key in MODEL_KEYS and _by_dataset(value) for key, value in definition.value.items())
    )


def _prompt_tables(definitions: Iterable[Definition], method: str) -> Iterator[Definition]:
    """The tables of a method: named after it, or an entry of a table of methods."""
    for definition in definitions:
        if method in definition.name.lower() and _by_dataset(definition.value):
            yield definition
        entry = definition.value.get(method)
        if isinstance(entry, dict) and _by_dataset(entry):
            yield Definition(f"{definition.name}[{method!r}]", definition.place, entry)


def _best(definitions: Iterable[Definition]) -> Definition | None:
    """The one with the most texts, the first of equals."""
    return max(definitions, key=lambda definition: _n_texts(definition.value), default=None)


def _n_texts(value: Any) -> int:
    if not isinstance(value, dict):
        return int(isinstance(value, str))
    return sum(len(_by_dataset(entry)) or int(isinstance(entry, str)) for entry in value.values())


def _enter(table: Definition, side: Side, instructions: dict[str, dict[str, dict[Side, str]]]) -> int:
    """Add a table's texts; a single text holds for every dataset. Returns the number of models."""
    n_models = 0
    for name, value in table.value.items():
        texts = {entry.dataset_id: value for entry in r2med_sets()} if isinstance(value, str) else _by_dataset(value)
        if name not in MODEL_KEYS or not texts:
            continue
        n_models += 1
        for dataset_id, text in texts.items():
            instructions.setdefault(MODEL_KEYS[name], {}).setdefault(dataset_id, {})[side] = text
    return n_models


def _left_out(constants: FolderConstants) -> Sequence[str]:
    """Entries by dataset or model that could not be worked out, and files that could not be read."""
    names = {name.lower() for entry in r2med_sets() for name in (entry.name, entry.upstream_name)} | set(MODEL_KEYS)
    told = []
    for entries in constants.left_out:
        keys = [key for key in entries.keys if isinstance(key, str) and key.lower() in names]
        if keys:
            told.append(f"{len(keys)} entries in {entries.place}, the first is {keys[0]}: it needs {entries.reason}")
    return [*told, *constants.unreadable]


def upstream_prefixes(model: str, dataset_id: str) -> Mapping[str, str]:
    """What upstream puts before the texts of a side, for a model of the registry and a dataset.

    Raises:
        UserError: nothing was imported, or upstream's tables have no instruction for the two.
    """
    prefixes = _imported().instructions.get(model, {}).get(dataset_id)
    if prefixes is None:
        raise UserError(f"Upstream's tables hold no instruction of {model} for {_named(dataset_id)}.")
    return {str(side): text for side, text in prefixes.items()}


def upstream_prompt(method: str, dataset_id: str) -> str:
    """Upstream's prompt of a method for a dataset, with the suite's fields in place of its own.

    Raises:
        UserError: nothing was imported, or upstream has no such prompt.
    """
    template = _imported().prompts.get(method, {}).get(dataset_id)
    if template is None:
        raise UserError(f"Upstream's tables hold no prompt of {method} for {_named(dataset_id)}.")
    return template.replace("{TEXT}", "{query}").replace("{PASSAGE}", "{passages}")


def _named(dataset_id: str) -> str:
    return dataset_id or "this dataset (instructions_as=r2med/NAME, behind dir:PATH or on its card, says whose hold)"


def _imported() -> UpstreamTables:
    tables = load_upstream()
    if tables is None:
        raise UserError(
            "Nothing was imported from upstream; clone R2MED's code and run `retrieval-bench import-upstream r2med "
            "FOLDER`."
        )
    return tables
