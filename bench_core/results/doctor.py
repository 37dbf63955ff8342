"""Check a machine and a class: what can run here, what is missing, and which points of a contract hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench_core.errors import UserError
from bench_core.llm.clients import user_prices_path
from bench_core.llm.stage_models import default_store_dir
from bench_core.machine.environment import Finding, machine_findings, package_findings
from bench_core.plugins.contracts import check
from bench_core.plugins.dataset_names import dataset_spec
from bench_core.plugins.places import place_of
from bench_core.plugins.reach import unsaid
from bench_core.plugins.registry import StageSpec
from bench_core.results.inventory import FamilyWords, family_of
from bench_core.results.tables import Cell, Column, Table


@dataclass(frozen=True)
class MachineWords:
    """What a half looks for on a machine.

    Attributes:
        packages: distribution -> (module it brings, what installs it).
        needs: what has to be brought to a stage that can run here (weights, a model), as a sentence.
        places: further folders and files that the half keeps or reads, by what they are.
        not_verified: what no machine of the project could run, and what was done instead.
    """

    packages: Mapping[str, tuple[str, str]]
    needs: Callable[[type[Any]], str]
    places: Sequence[tuple[str, str]] = ()
    not_verified: Sequence[tuple[str, str]] = ()


def machine_table(words: MachineWords, families: Sequence[FamilyWords]) -> Table:
    """What runs here, and what to install for the rest."""
    findings: list[Finding] = [*machine_findings(), *package_findings(words.packages)]
    for family in (family.family for family in families):
        for member in family.members():
            state = "missing" if member.problem else "ok"
            detail = member.problem.removeprefix("unavailable: ") or words.needs(family.load(member.name))
            findings.append((f"{family.kind} {member.name}", state, detail))
    findings += [("prices of models", "ok", f"yours go to {user_prices_path()}")]
    findings += [("answers of models", "ok", f"kept in {default_store_dir()}")]
    findings += [(what, "ok", where) for what, where in words.places]
    notes = [f"Not verified by the project: {what} ({why})." for what, why in words.not_verified]
    columns = [
        Column("what", "item", priority=1, least=30),
        Column("state", "state", priority=1),
        Column("detail", "detail", priority=1, wraps=True),
    ]
    return Table("This machine", columns, [list(finding) for finding in findings], notes)


def contract_table(specs: Sequence[StageSpec], families: Sequence[FamilyWords]) -> tuple[Table, int]:
    """The points of the contract of each stage's family, and how many of them do not hold.

    Raises:
        UserError: a stage is of no family with a contract, or cannot be made.
    """
    rows: list[list[Cell]] = []
    notes: list[str] = []
    n_failed = 0
    for given in specs:
        spec, dataset = _stage_and_dataset(given, families)
        words = family_of(spec, families)
        if words.contract is None:
            raise UserError(f"{spec} is a {words.family.kind}, for which there is no contract; name another stage.")
        member = words.create(spec)  # a wrong name or argument is the user's mistake, not a broken contract
        notes += [unsaid(member)] if words.sees_text else []
        place = place_of(type(member), None)
        where = f"{place}{type(member).__name__}: " if place else ""
        first: dict[str, str] = {}
        for point in check(_bound(words.contract, words.create, spec, dataset), where):
            known = first.setdefault(point.failure, point.name) if point.failure else point.name
            failure = point.failure if known == point.name else f"the same as {known}"
            rows.append([str(given), point.name, "fails" if point.failure else "holds", failure])
            n_failed += bool(point.failure)
    columns = [
        # The title names one class; several are told apart at any width.
        Column("class", "checked", priority=3 if len(specs) == 1 else 1, least=60),
        Column("point", "point", priority=1, least=40),
        Column("state", "state", priority=1),
        Column("failure", "failure", priority=1, wraps=True, optional=True),
    ]
    return Table(f"Contract of {', '.join(map(str, specs))}", columns, rows, [*filter(None, notes)]), n_failed


def _stage_and_dataset(given: StageSpec, families: Sequence[FamilyWords]) -> tuple[StageSpec, str]:
    """A stage as it is made, and of a source of datasets the one that is named behind it."""
    named = (dataset_spec(given, words.family) for words in families if not words.sees_text)
    return next(filter(None, named), (given, ""))


def _bound(contract: type[Any], create: Callable[[StageSpec], Any], spec: StageSpec, dataset: str) -> Any:
    """A contract whose `create` makes the stage; a source of datasets is tried with the one that is named."""
    members: dict[str, Any] = {"create": lambda self: create(spec), **({"names": (dataset,)} if dataset else {})}
    return type(contract.__name__, (contract,), members)()
