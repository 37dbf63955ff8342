"""Describing a user's class for its identity: its constructor's arguments and a hash of its source."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any, Self

from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.registry import source_hash


class Described:
    """Remembers the arguments an object was made with; keyword-only ones, which the suite injects, are left out."""

    _arguments: Mapping[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Remember the constructor's arguments, defaults included."""
        self = super().__new__(cls)
        if cls.__init__ is object.__init__:
            self._arguments = {}
            return self
        signature = inspect.signature(cls.__init__)
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        self._arguments = {
            name: value
            for name, value in list(bound.arguments.items())[1:]
            if signature.parameters[name].kind is not inspect.Parameter.KEYWORD_ONLY
        }
        return self

    def source_and_arguments(self) -> dict[str, Json]:
        """What makes another system of the class: a changed argument, or a changed line in its file.

        Raises:
            UserError: an argument that JSON cannot hold.
        """
        try:
            arguments = json.loads(json.dumps(self._arguments, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise UserError(
                f"{type(self).__name__}: its arguments cannot be described ({error}); write describe() to say what "
                "changes its results."
            ) from error
        return {"class": type(self).__name__, "source": source_hash(type(self)), "arguments": arguments}
