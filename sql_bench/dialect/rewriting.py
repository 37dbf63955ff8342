"""Mend a statement's tree node by node, children before their parents, within a bound on what is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sql_bench.dialect.kinds import Kinds
from sql_bench.guard.rejected import Rejected
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import exp

Rule = Callable[[Any, Kinds], "exp.Expr"]
"""What stands in a node's place: the node itself where nothing is to be mended."""

MAX_REWRITTEN_NODES = 20_000
"""Nodes that the rules may write in one statement: some repeat their argument, and nested in themselves they double it
at each level. Ours: many times what a long statement needs, and well under a second of work."""


def mend(nodes: Sequence[exp.Expr], rules: Mapping[type, Rule], kinds: Kinds) -> None:
    """Apply to each node the rule for its type, in place.

    Args:
        nodes: the statement's, parents before their children.
        rules: by sqlglot's type of node.
        kinds: of the statement as it was written.

    Raises:
        Rejected: resource_limit, where the rules write too much; whatever a rule raises.
    """
    n_written = 0
    for node in reversed(nodes):
        rule = rules.get(type(node))
        if rule is None:
            continue
        replacement = rule(node, kinds)
        if replacement is not node:
            kinds.inherit(replacement, node)
            node.replace(replacement)
        n_written += sum(1 for _ in replacement.walk())
        if n_written > MAX_REWRITTEN_NODES:
            raise Rejected(Outcome.RESOURCE_LIMIT, "the statement grows too large in translation")
