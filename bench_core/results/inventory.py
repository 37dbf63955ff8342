"""Name and explain what a half has: the tables of `list` and `show`, which each half fills with kinds of its own.

A kind is a family of stages, the datasets, the measures, the run folders. What a kind lists, it explains.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_core.errors import BenchError, UserError
from bench_core.plugins.arguments import arguments_of, did_you_mean
from bench_core.plugins.dataset_names import named_of_class
from bench_core.plugins.loading import class_of
from bench_core.plugins.places import is_of_the_suite, place_of
from bench_core.plugins.reach import reach_of, unsaid
from bench_core.plugins.registry import HALVES, Family, StageSpec, family_of_class
from bench_core.results.tables import Cell, Column, Table

Facts = Sequence[tuple[str, object]]
"""What is known of one thing: pairs of a name and a value; a nested value becomes one row for each of its leaves."""

_CLASS = re.compile(r".+:[A-Za-z_]\w*")


@dataclass(frozen=True)
class Named:
    """One line of `list`; `status` is `ok`, or why the thing cannot be used here."""

    name: str
    summary: str
    status: str = "ok"


@dataclass(frozen=True)
class Details:
    """What `show` says of one thing."""

    title: str
    facts: Facts
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Kind:
    """Things of one kind.

    Attributes:
        singular: what one of them is called.
        plural: what `list` takes.
        named: all that can be named without further knowledge.
        details: what is known of a name, as facts or as a table of its own; None where it is no name of this kind.
            Raises UserError where it is one, and something behind it is wrong.
    """

    singular: str
    plural: str
    named: Callable[[], Iterable[Named]]
    details: Callable[[str], Details | Table | None]


def inventory_table(kinds: Sequence[Kind]) -> Table:
    """One row a name of these kinds."""
    rows: list[list[Cell]] = [
        [kind.singular, named.name, named.summary, named.status] for kind in kinds for named in kind.named()
    ]
    columns = [
        Column("kind", "kind"),
        Column("name", "name", priority=1, least=40),
        Column("summary", "summary", priority=1),
        Column("status", "status", priority=1, least=11),
    ]
    return Table("What can be named", columns, rows)


def details_table(kinds: Sequence[Kind], name: str) -> Table:
    """What is known of a name: of the first kind that knows it.

    Raises:
        UserError: none does, or what the name says is wrong.
    """
    for kind in kinds:
        details = kind.details(name.removeprefix(f"{kind.singular} "))  # `doctor` has both in one column
        if details is not None:
            return details if isinstance(details, Table) else facts_table(details)
    known = [named.name for kind in kinds for named in kind.named()]
    singulars = ", ".join(kind.singular for kind in kinds)
    raise UserError(
        f"{name!r} is nothing that can be shown{did_you_mean(name, known)}; it is none of these: {singulars} (the "
        "command list shows the names)."
    )


def facts_table(details: Details) -> Table:
    """A name's facts, one a row."""
    rows: list[list[Cell]] = [[key, value] for name, given in details.facts for key, value in _leaves(name, given)]
    columns = [Column("what", "field", priority=1, least=30), Column("value", "value", priority=1, wraps=True)]
    return Table(details.title, columns, rows, details.notes)


def _leaves(name: str, value: object) -> Iterable[tuple[str, Cell]]:
    """A value as rows: of a mapping one for each of its leaves, named by its path; a list of plain values is one."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list | tuple) and any(isinstance(inner, Mapping | list | tuple) for inner in value):
        for place, inner in enumerate(value):
            yield from _leaves(f"{name}[{place}]", inner)
    elif isinstance(value, list | tuple):
        yield name, ", ".join(map(str, value)) or "none"
    elif value is None or isinstance(value, str | int):
        yield name, value
    else:
        yield name, json.dumps(value, sort_keys=True, default=str)


@dataclass(frozen=True)
class FamilyWords:
    """What a half says of a family of stages.

    Attributes:
        plural: what `list` takes.
        create: makes a member, as a run would.
        contract: the family's contract tests; None where it has none.
        further: facts of a class beyond its constructor's arguments, put before them.
        described: whether `show` gives the description that enters an identity, which takes making a member.
    """

    family: Family
    plural: str
    create: Callable[[StageSpec], Any]
    contract: type[Any] | None = None
    further: Callable[[type[Any]], Facts] = lambda cls: ()
    described: bool = False

    @property
    def sees_text(self) -> bool:
        """Whether its members get text of datasets, as stages do and sources of datasets do not."""
        return "is_remote" in self.family.contract.optional


def family_kind(words: FamilyWords, families: Sequence[FamilyWords]) -> Kind:
    """The members of a family, and classes of a user's that can do what its members do.

    Args:
        families: all of this half.
    """

    def named() -> Iterable[Named]:
        for member in words.family.members():
            yield Named(member.name, member.summary, member.problem or "ok")

    def details(name: str) -> Details | None:
        spec = _parsed(name)
        if spec is None:
            return None
        if spec.name in words.family.names():
            return _member_details(words, spec, _loaded(words.family, spec.name))
        if not is_class(spec.name) or words is not family_of(spec, families):
            return None
        return _member_details(words, spec, words.family.load(spec.name))

    return Kind(words.family.kind, words.plural, named, details)


def source_kind(sources: Family, load: Callable[[str], Any], details_of: Callable[[Any], Details]) -> Kind:
    """The datasets of a half: those that can be named without further knowledge, and what a source takes (`dir:PATH`).

    Args:
        load: the dataset of a name; raises UserError where it is not here.
        details_of: what is known of a dataset once it is read.
    """

    def is_here(name: str) -> bool:
        try:
            load(name)
        except UserError:
            return False
        return True

    def cards(source: str) -> Mapping[str, Any]:
        return {card.dataset_id: card for card in sources.create(StageSpec(source)).cards()}

    def named() -> Iterable[Named]:
        for member in sources.members():
            known = {} if member.problem else cards(member.name)
            for dataset_id, card in known.items():
                yield Named(dataset_id, card.summary, "ok" if is_here(dataset_id) else "not fetched")
            if not known:
                yield Named(f"{member.name}:PATH", member.summary, member.problem or "ok")

    def class_details(name: str, source: str) -> Details:
        cls = _loaded(sources, source)
        facts: Facts = [("status", cls)] if isinstance(cls, str) else [("what", _paragraph(cls)), *argument_facts(cls)]
        return Details(name, facts)

    def of_class(name: str) -> Details | None:
        """A source of a user's own by its class, or a dataset of one."""
        spec = _parsed(name)
        if spec is not None and named_of_class(spec.name):
            return details_of(load(name))
        if spec is not None and is_class(spec.name) and issubclass(sources.load(spec.name), sources.contract.base):
            return class_details(name, spec.name)
        return None

    def details(name: str) -> Details | None:
        source = re.split("[/:,]", name)[0]
        if source not in sources.names():
            return of_class(name)
        if name in (source, f"{source}:PATH"):
            return class_details(name, source)
        try:
            dataset = load(name)
        except UserError as error:
            card = cards(source).get(name)
            if card is None:
                raise
            return Details(name, [*_card_facts(card), ("status", str(error))])
        return details_of(dataset)

    return Kind("dataset", "datasets", named, details)


def half_kinds(
    families: Sequence[FamilyWords],
    sources: Family,
    load: Callable[[str], Any],
    details_of: Callable[[Any], Details],
) -> Sequence[Kind]:
    """What every half has, in the order of `list`: its datasets, then the members of its families.

    Args:
        load, details_of: see `source_kind`.
    """
    return (source_kind(sources, load, details_of), *(family_kind(words, families) for words in families))


def _card_facts(card: Any) -> Facts:
    """The fields of a dataset's card that say something."""
    return [(name, value) for name, value in vars(card).items() if isinstance(value, str | int) and value != ""]


def runs_kind(root: Path) -> Kind:
    """The run folders of a half, by what `runs` takes.

    Args:
        root: the half's folder of results.
    """

    def details(name: str) -> Details | None:
        from bench_core.results.run_tables import run_details, system_details
        from bench_core.runs.stored import meant, read_stored, stored_runs

        found = meant(name, stored_runs(root, verified=False))
        if len(found) > 1:
            return system_details(name, found)
        return run_details(read_stored(found[0].folder)) if found else None

    return Kind("run", "runs", lambda: (), details)


def family_of(spec: StageSpec, families: Sequence[FamilyWords]) -> FamilyWords:
    """The family that a name or a class in a user's file is of.

    Raises:
        UserError: it is of none, or cannot be imported.
    """
    for words in families:
        if spec.name in words.family.names():
            return words
    kinds = ", ".join(words.family.kind for words in families)
    if not is_class(spec.name):
        known = [name for words in families for name in words.family.names()]
        raise UserError(f"{spec.name!r} is none of these: {kinds}{did_you_mean(spec.name, known)}; name one stage.")
    cls, own = class_of(spec.name), [words.family for words in families]
    found = family_of_class(cls, own)
    if found in own:
        return families[own.index(found)]
    if found is not None:
        raise UserError(
            f"{place_of(cls, None)}{cls.__name__} is a {found.kind} of {found.half}; {found.half} doctor checks it, "
            f"and {found.half} show explains it."
        )
    wanted = ", ".join(f"a {family.kind} has {family.contract.purpose}" for family in own)
    (other,) = {name for name in HALVES if name != own[0].half}
    raise UserError(
        f"{place_of(cls, None)}{cls.__name__} has no method by which {own[0].half} could use it: {wanted} ({other} "
        f"doctor checks classes of {other})."
    )


def is_class(name: str) -> bool:
    """Whether a name is written as a class of a user's is: `path/to/file.py:Class` or `package.module:Class`."""
    return _CLASS.fullmatch(name) is not None and not {"(", ">", " "} & set(name.rpartition(":")[2])


def _parsed(name: str) -> StageSpec | None:
    """The stage that a text names, or None where it is the text of no stage."""
    try:
        return StageSpec.parse(name)
    except UserError:
        return None


def _loaded(family: Family, name: str) -> type[Any] | str:
    try:
        return family.load(name)
    except UserError as error:
        return str(error)


def _member_details(words: FamilyWords, spec: StageSpec, cls: type[Any] | str) -> Details:
    if isinstance(cls, str):
        return Details(str(spec), [("kind", words.family.kind), ("status", f"unavailable: {cls}")])
    facts: list[tuple[str, object]] = [("kind", words.family.kind), ("what", _paragraph(cls))]
    problem = cls.missing_requirement()
    facts += [("status", f"unavailable: {problem}")] if problem else []
    facts += [*words.further(cls), *argument_facts(cls)]
    if not is_of_the_suite(cls) and words.sees_text:
        facts.append(("sends text to other machines", _reach(words, spec)))
    if words.described and not problem:
        facts.append(("description", _description(words, spec)))
    return Details(str(spec), facts)


def _description(words: FamilyWords, spec: StageSpec) -> object:
    """What enters an identity; where a plain name cannot be made without more, why."""
    try:
        description = words.create(spec).describe()
    except BenchError as error:
        if spec.arguments:
            raise
        return f"not known without more: {error}"
    content = description.as_json() if hasattr(description, "as_json") else description
    return content if isinstance(content, Mapping) else f"describe() gives {content!r}, which describes nothing"


def _reach(words: FamilyWords, spec: StageSpec) -> str:
    """What a class of a user's says of where it sends text; where a plain name cannot be made without more, why."""
    try:
        member = words.create(spec)
    except BenchError as error:
        if spec.arguments:
            raise
        return f"not known without more: {error}"
    said = reach_of(member).is_remote
    return unsaid(member) if said is None else f"{'yes' if said else 'no'} (is_remote = {said})"


def _paragraph(cls: type[Any]) -> str:
    """The first paragraph of a class's docstring."""
    return " ".join(inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0].split())


def argument_facts(cls: type[Any]) -> list[tuple[str, object]]:
    """The arguments a user may give a class, each with its values, its default and its meaning."""
    return [
        argument_fact(argument.name, argument.values, argument.default, argument.meaning)
        for argument in arguments_of(cls)
    ]


def argument_fact(name: str, values: str, default: str, meaning: str) -> tuple[str, object]:
    """One argument, as every stage's are shown."""
    by_default = f" ({default} by default)" if default else ""
    return f"argument {name}", ": ".join(filter(None, (f"{values}{by_default}", meaning)))


def model_facts(cls: type[Any]) -> Facts:
    """The arguments of a stage that asks a language model, which the suite takes for it."""
    from bench_core.llm.clients import ClientOptions

    if "client" not in inspect.signature(cls).parameters:
        return []
    return [
        argument_fact("llm", "a text", "", "the language model; --generator-model where left out"),
        *argument_facts(ClientOptions),
    ]
