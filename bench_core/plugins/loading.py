"""Import a class by `module:Class` or `file.py:Class`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from bench_core.errors import UserError
from bench_core.identity import content_hash
from bench_core.plugins.arguments import did_you_mean
from bench_core.plugins.failures import count_as_users, import_sentence

_PLUGIN_PREFIX = "biomed_bench_plugin_"


def class_of(target: str) -> type[Any]:
    """The class that `module:Class` or `file.py:Class` names.

    Raises:
        UserError: there is no such file, module or class, or it cannot be imported.
    """
    place, _, class_name = target.rpartition(":")
    module = _module_from_file(Path(place)) if place.endswith(".py") else _module_by_name(place)
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        classes = [name for name, value in vars(module).items() if isinstance(value, type)]
        raise UserError(f"{place} has no class {class_name!r}{did_you_mean(class_name, classes)}.")
    return found


def _module_by_name(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):  # one that the module imports
            count_as_users(name)
            raise UserError(import_sentence(name, error)) from error
        raise UserError(f"{name} cannot be imported: no module named {error.name!r} is installed here.") from error
    except (Exception, SystemExit) as error:  # a plug-in may fail in any way while it is imported
        count_as_users(name)
        raise UserError(import_sentence(name, error)) from error


def _module_from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; a class of your own is named path/to/file.py:Class.")
    name = f"{_PLUGIN_PREFIX}{content_hash([str(path.resolve())])[:12]}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path}: this is not a Python file that can be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before execution: dataclasses and inspect look their module up
    folder = str(path.resolve().parent)
    if folder not in sys.path:  # the file may import its neighbours
        sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the user's own code may fail in any way
        del sys.modules[name]
        raise UserError(import_sentence(str(path), error)) from error
    return module


def plugin_file(cls: type[Any]) -> Path | None:
    """The user's file that a class was read from; None for one of an importable module."""
    if not cls.__module__.startswith(_PLUGIN_PREFIX):
        return None
    return Path(str(sys.modules[cls.__module__].__file__)).resolve()
