"""YAML files that users bring, read with bounds: nesting, numbers and aliases beyond reason are a fault of the file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_core.errors import BadFile, UserError

if TYPE_CHECKING:
    import yaml

_MOST_NODES = 100_000
"""What a file may come to once each alias stands for what it names: a hundred times the largest file of the suite."""
_DEEPEST = 100
"""Collections within each other; the scanner's own time grows with the square of it."""


def read_yaml(path: Path) -> tuple[Any, yaml.Node | None]:
    """The content of a file, and the nodes it was made of, which know their lines.

    Raises:
        UserError: no such file.
        BadFile: not YAML, or larger than is reasonable once its aliases are written out.
    """
    import yaml

    if not path.is_file():
        raise UserError(f"{path}: there is no such file.")
    try:
        loader = _bounded_loader()(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        _check_size(path, node)
        content: Any = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise BadFile(path, f"this is not YAML ({error.problem})", line) from error
    # The others are what its constructors make of numbers, dates and tags beyond reason.
    except (yaml.YAMLError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        raise BadFile(path, f"this is not YAML ({str(error).splitlines()[0]})") from error
    return content, node


@cache
def _bounded_loader() -> type[yaml.SafeLoader]:
    import yaml
    from yaml.scanner import ScannerError

    class Loader(yaml.SafeLoader):
        """Stops where a text is nested too deeply, before a parser follows."""

        def fetch_flow_collection_start(self, TokenClass: Any) -> None:
            super().fetch_flow_collection_start(TokenClass)
            self._check_depth(self.flow_level)

        def add_indent(self, column: int) -> bool:
            is_deeper: bool = super().add_indent(column)
            self._check_depth(len(self.indents))
            return is_deeper

        def _check_depth(self, depth: int) -> None:
            if depth > _DEEPEST:
                raise ScannerError(None, None, f"nested more than {_DEEPEST} deep", self.get_mark())

    return Loader


def _check_size(path: Path, root: yaml.Node | None) -> None:
    """Refuse aliases that name what they stand in, and those that multiply."""
    if root is None:
        return
    sizes: dict[int, int | None] = {}  # None: the node is being looked at

    def size(node: yaml.Node) -> int:
        if isinstance(node.value, str):
            return 1
        if id(node) in sizes:
            known = sizes[id(node)]
            if known is None:
                raise BadFile(path, "an alias names what it stands in", node.start_mark.line + 1)
            return known
        sizes[id(node)] = None
        parts = [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
        total = 1 + sum(size(part) for part in parts)
        sizes[id(node)] = total
        return total

    if size(root) > _MOST_NODES:
        raise BadFile(path, f"this is not YAML of reasonable size (more than {_MOST_NODES:,} values with its aliases)")
