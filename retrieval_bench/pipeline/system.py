"""A system as a chain of stages, and the one line of text that names it.

| written                                       | is                                                                |
|-----------------------------------------------|-------------------------------------------------------------------|
| `dense,model=minilm`                          | a retriever                                                       |
| `bm25 > cross-encoder,depth=10`               | its ten best, reranked                                            |
| `rrf(bm25-qs, dense,model=minilm)`            | two systems fused                                                 |
| `rrf(bm25-qs, dense),k=30 > monot5,keep=all`  | a fusion reranked; what is below the depth stays, below the rest  |
| `hyde,llm=hf:FOLDER > dense`                  | a language model writes first, and its text is searched with      |

Identities nest as the text does: a system is described by what it is made of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from bench_core.data_use import Reach
from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.llm.caching import Remembering
from bench_core.llm.stage_models import LanguageModelSettings
from bench_core.plugins.arguments import argument_names, did_you_mean
from bench_core.plugins.loading import class_of
from bench_core.plugins.reach import reach_of
from bench_core.plugins.registry import StageSpec, family_of_class
from bench_core.plugins.requirements import Requirements, all_of
from retrieval_bench.datasets.card import UNKNOWN, DatasetCard
from retrieval_bench.fusion.fusion import Fusion, create_fusion
from retrieval_bench.query_generators.base import QUERY_GENERATORS
from retrieval_bench.query_generators.generation import Generation, create_generation
from retrieval_bench.rerankers.base import RERANKERS, reranker_with_model
from retrieval_bench.retrievers.base import RETRIEVERS, create_retriever, full_description
from retrieval_bench.types import Reranker, Retriever

Keep = Literal["reranked", "all"]
"""What a reranked run holds: `reranked`, only what the reranker has seen (R2MED's rule); `all`, the other documents
too, below those and in the order they had."""

DEFAULT_DEPTH = 100
"""How many documents a reranker sees: the deeper of R2MED's two settings (10 and 100)."""


@dataclass(frozen=True)
class FirstStage:
    """A retriever by itself."""

    label: str
    retriever: Retriever

    @property
    def name(self) -> str:
        """The name its run folder begins with."""
        return self.retriever.describe().name

    @property
    def is_approximate(self) -> bool:
        """Whether its ranking may differ from the exact one."""
        return self.retriever.describe().approximate

    @property
    def reaches(self) -> tuple[Reach, ...]:
        """Where its parts send texts."""
        return (reach_of(self.retriever),)

    @property
    def requires(self) -> Requirements:
        """What it occupies while it works."""
        return self.retriever.requires

    def describe(self) -> dict[str, Json]:
        """What its results depend on."""
        return full_description(self.retriever).as_json()


@dataclass(frozen=True)
class Reranked:
    """A system whose best documents are reranked.

    Attributes:
        depth: how many of them the reranker sees.
        keep: what becomes of the others.
        client: the language model that the reranker asks, if it asks one.
    """

    label: str
    over: System
    reranker: Reranker
    depth: int
    keep: Keep
    client: Remembering | None = None

    @property
    def name(self) -> str:
        """The name its run folder begins with."""
        return f"{self.reranker.describe().name}-over-{self.over.name}"

    @property
    def is_approximate(self) -> bool:
        """Whether its candidates may differ from the exact ones."""
        return self.over.is_approximate

    @property
    def reaches(self) -> tuple[Reach, ...]:
        """Where its parts send texts."""
        return (*self.over.reaches, reach_of(self.reranker), *((self.client.reach,) if self.client else ()))

    @property
    def requires(self) -> Requirements:
        """What it occupies while it works."""
        model = (self.client.requires,) if self.client else ()
        return all_of((self.over.requires, self.reranker.requires, *model))

    def describe(self) -> dict[str, Json]:
        """What its results depend on."""
        description = full_description(self.reranker).as_json()
        return {"rerank": {**description, "depth": self.depth, "keep": self.keep}, "over": self.over.describe()}


@dataclass(frozen=True)
class Fused:
    """Several systems' runs made into one."""

    label: str
    fusion: Fusion
    of: tuple[System, ...]

    @property
    def name(self) -> str:
        """The name its run folder begins with."""
        return "-".join([self.fusion.method, *(system.name for system in self.of)])

    @property
    def is_approximate(self) -> bool:
        """Whether one of its parts is."""
        return any(system.is_approximate for system in self.of)

    @property
    def reaches(self) -> tuple[Reach, ...]:
        """Where its parts send texts."""
        return tuple(reach for system in self.of for reach in system.reaches)

    @property
    def requires(self) -> Requirements:
        """What suffices for each of its parts, one after the other."""
        return all_of(part.requires for part in self.of)

    def describe(self) -> dict[str, Json]:
        """What its results depend on."""
        return {"fuse": self.fusion.describe(), "of": [system.describe() for system in self.of]}


@dataclass(frozen=True)
class Generated:
    """A system that searches with what a language model wrote for each query."""

    label: str
    generation: Generation
    over: System

    @property
    def name(self) -> str:
        """The name its run folder begins with."""
        return f"{self.generation.generator.describe().name}-before-{self.over.name}"

    @property
    def is_approximate(self) -> bool:
        """Whether its search may differ from the exact one."""
        return self.over.is_approximate

    @property
    def reaches(self) -> tuple[Reach, ...]:
        """Where its parts send texts."""
        return (*self.generation.reaches, *self.over.reaches)

    @property
    def requires(self) -> Requirements:
        """What it occupies while it works."""
        return all_of((self.generation.requires, self.over.requires))

    def describe(self) -> dict[str, Json]:
        """What its results depend on."""
        return {"generate": full_description(self.generation.generator).as_json(), "over": self.over.describe()}


System = FirstStage | Reranked | Fused | Generated

_FUSION = re.compile(r"(?P<method>[A-Za-z][\w-]*)\((?P<of>.*)\)(?P<arguments>(?:,[A-Za-z_]\w*=[^()]*)?)", re.DOTALL)
# A comma that does not begin an argument, as in `rrf(bm25, dense,model=minilm)`.
_BETWEEN_SYSTEMS = re.compile(r",\s*(?![A-Za-z_]\w*=)")


@dataclass(frozen=True)
class Setting:
    """What systems are made for.

    Attributes:
        card: of what they will search.
        parameters: further `key=value` arguments of each retriever.
        models: what holds for all stages that ask a language model.
    """

    card: DatasetCard = UNKNOWN
    parameters: Sequence[str] = ()
    models: LanguageModelSettings = field(default_factory=LanguageModelSettings)

    @property
    def stage_models(self) -> LanguageModelSettings:
        """The models, whose stored answers keep the dataset's access."""
        return self.models.for_access(self.card.access)


def create_system(text: str, setting: Setting = Setting()) -> System:
    """The system a line of text names; see the module.

    Raises:
        UserError: an unknown stage or argument, or text that is no such line.
    """
    first, *others = (piece.strip() for piece in _split(text, re.compile(r"\s*>\s*")))
    if others and _is_generator(first):
        spec, (searched, *rerankers) = StageSpec.parse(first), others
        over = _create_first(searched, setting)
        generation = create_generation(spec, setting.card, setting.stage_models)
        system: System = Generated(f"{spec} > {over.label}", generation, over)
    else:
        system, rerankers = _create_first(first, setting), others
    for reranker in rerankers:
        system = _create_reranked(system, reranker, setting)
    return system


def system_texts(
    retrievers: Sequence[str],
    fused: Sequence[str] = (),
    method: str = "rrf",
    rerankers: Sequence[str] = (),
    depth: int | None = None,
    keep: str | None = None,
) -> list[str]:
    """The lines that the options of the command line stand for.

    Raises:
        UserError: a single system to fuse; a depth without a reranker.
    """
    if len(fused) == 1:
        raise UserError("One system cannot be fused; give --fuse at least twice.")
    if (depth or keep) and not rerankers:
        raise UserError("--depth and --keep say what a reranker does; give --rerank too.")
    name, _, arguments = method.partition(",")
    texts = [*retrievers, *([f"{name}({', '.join(fused)}){',' if arguments else ''}{arguments}"] if fused else [])]
    options = "".join(f",{key}={value}" for key, value in (("depth", depth), ("keep", keep)) if value)
    return [*texts, *(f"{text} > {reranker}{options}" for reranker in rerankers for text in texts)]


def _is_generator(text: str) -> bool:
    """Whether the first of a chain writes queries: by its name, or what a class of the user's can do."""
    name = StageSpec.parse(text).name if text else ""
    if name in QUERY_GENERATORS.names():
        return True
    return ":" in name and "(" not in name and family_of_class(class_of(name), [RETRIEVERS]) is QUERY_GENERATORS


def _create_first(text: str, setting: Setting) -> System:
    fusion = _FUSION.fullmatch(text)
    if fusion is None:
        if not text:
            raise UserError("A system is missing; write for example bm25, or rrf(bm25, dense).")
        spec = StageSpec.parse(text, setting.parameters)
        return FirstStage(str(spec), create_retriever(spec, setting.card))
    parts = [part.strip() for part in _split(fusion["of"], _BETWEEN_SYSTEMS)]
    if len(parts) < 2:
        raise UserError(f"{text!r} fuses fewer than two systems; write for example rrf(bm25, dense).")
    of = tuple(create_system(part, setting) for part in parts)
    label = f"{fusion['method']}({', '.join(system.label for system in of)}){fusion['arguments']}"
    return Fused(label, create_fusion(StageSpec.parse(fusion["method"] + fusion["arguments"]), len(of)), of)


def _create_reranked(over: System, text: str, setting: Setting) -> Reranked:
    if not text:
        raise UserError(f"A reranker is missing behind {over.label!r} and >; write for example bm25 > cross-encoder.")
    spec = StageSpec.parse(text)
    own = dict(spec.arguments)
    taken = argument_names(RERANKERS.own(spec.name))
    for key in own:
        meant = did_you_mean(key, ("depth", "keep"))
        if meant and key not in (*taken, "depth", "keep"):
            raise UserError(f"reranker {spec.name} has no argument {key!r}{meant}.")
    depth, keep = own.pop("depth", str(DEFAULT_DEPTH)), own.pop("keep", get_args(Keep)[0])
    if not depth.isdecimal() or int(depth) < 1:
        raise UserError(f"reranker {spec.name}: depth={depth} does not fit: it must be a whole number of at least 1.")
    if keep not in get_args(Keep):
        raise UserError(f"reranker {spec.name}: keep={keep} does not fit: it is {' or '.join(get_args(Keep))}.")
    own_spec = StageSpec(spec.name, tuple(own.items()))
    modelled = reranker_with_model(own_spec, setting.stage_models, setting.card)
    return Reranked(f"{over.label} > {spec}", over, modelled.stage, int(depth), keep, modelled.client)


def _split(text: str, separator: re.Pattern[str]) -> list[str]:
    """Split where the separator stands outside all parentheses.

    Raises:
        UserError: a parenthesis is missing.
    """
    pieces, start, depth, position = [], 0, 0, 0
    while position < len(text):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        found = separator.match(text, position) if depth == 0 else None
        if found is None or not found.group():
            position += 1
            continue
        pieces.append(text[start:position])
        start = position = found.end()
    if depth:
        raise UserError(f"{text!r}: a parenthesis is missing.")
    return [*pieces, text[start:]]
