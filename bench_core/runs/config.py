"""Experiment files: YAML read into frozen pydantic models, with errors that name file, line and field."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bench_core.errors import BadFile
from bench_core.plugins.arguments import did_you_mean
from bench_core.yaml_files import read_yaml

if TYPE_CHECKING:
    import yaml
    from pydantic import BaseModel

    Model = TypeVar("Model", bound=BaseModel)


def load_config(path: Path, model: type[Model]) -> Model:
    """Read a YAML file into a model.

    Raises:
        UserError: no such file.
        BadFile: not YAML, or a field that is unknown, missing or of the wrong type, at its line.
    """
    from pydantic import ValidationError

    content, node = read_yaml(path)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(str(part) for part in fault["loc"]) or "the file"
        if fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1:
            known = list(model.model_fields)
            message = f"there is no field {field}{did_you_mean(field, known)}; known are {', '.join(known)}"
        else:
            message = f"{field}: {fault['msg']}"
        raise BadFile(path, message, _line_of(node, fault["loc"])) from error


def _line_of(node: yaml.Node | None, location: tuple[int | str, ...]) -> int | None:
    """The line of the deepest part of a field's location that the file holds."""
    line = None
    for part in location:
        if node is None:
            break
        line = node.start_mark.line + 1
        node = _child(node, part)
    return node.start_mark.line + 1 if node is not None else line


def _child(node: yaml.Node, part: int | str) -> yaml.Node | None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        found: yaml.Node = node.value[part]
        return found
    return None
