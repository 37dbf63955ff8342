"""Give stages that need a language model the client a user names, with its stored answers."""

from __future__ import annotations

import inspect
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from bench_core.data_use import Access
from bench_core.errors import BenchError, UserError
from bench_core.identity import identity_hash
from bench_core.llm.caching import Remembering
from bench_core.llm.chat import ChatClient
from bench_core.llm.clients import ClientOptions, create_client, unset_key
from bench_core.llm.ledger import FileLedger
from bench_core.llm.store import ResponseStore
from bench_core.machine.disk import check_room
from bench_core.plugins.arguments import argument_names, convert_arguments
from bench_core.plugins.registry import Family, StageSpec, takes_injected


def default_store_dir() -> Path:
    """The user's cache: answers are shared by all results folders."""
    from platformdirs import user_cache_path

    return user_cache_path("biomed-bench") / "responses"


@dataclass(frozen=True)
class LanguageModelSettings:
    """What holds for all stages of a run that ask a language model.

    Attributes:
        store_dir: where answers are kept.
        model: the model of stages that name none.
        ledger_dir: where all workers of a run count requests and money together; None: this process counts its own.
        access: of the dataset that the stages work on; stored answers keep it. None: not said.
    """

    store_dir: Path = field(default_factory=default_store_dir)
    model: str = ""
    ledger_dir: Path | None = None
    access: Access | None = None
    _clients: dict[tuple[str, ClientOptions], ChatClient] = field(default_factory=dict, repr=False, compare=False)

    def for_access(self, access: Access) -> LanguageModelSettings:
        """The same, with the same models, for a dataset of this access."""
        return replace(self, access=access)

    def client(self, model: str, options: ClientOptions) -> Remembering:
        """A model with its stored answers.

        Stages that name the same model with the same options share it: weights are loaded once, and limits and the
        spending cap hold for all of them together.
        """
        key = (model, options)
        if key not in self._clients:
            self._clients[key] = create_client(model, options, self._ledger(model, options))
        return Remembering(self._clients[key], ResponseStore(self.store_dir), self.access)

    def check(self) -> None:
        """Refuse models that were given out and cannot work: no key is set, no answer can be stored.

        Stored answers may be all that is needed: where there are any, it is left to the requests.

        Raises:
            UserError: names the variable, or the folder.
        """
        store = ResponseStore(self.store_dir)
        if not self._clients or not store.is_empty():
            return
        for model, options in self._clients:
            variable = unset_key(model, options)
            if variable:
                raise UserError(f"{model} needs a key: set {variable} (no answers are stored in {self.store_dir}).")
        check_room([self.store_dir])
        try:
            store.make_root()
        except BenchError as error:
            raise UserError(str(error)) from error

    def _ledger(self, model: str, options: ClientOptions) -> FileLedger | None:
        if self.ledger_dir is None:
            return None
        return FileLedger(self.ledger_dir / f"{identity_hash({'model': model, 'options': asdict(options)})[:16]}.json")


Stage = TypeVar("Stage")


@dataclass(frozen=True)
class Modelled(Generic[Stage]):
    """A stage with the model that it was given.

    Attributes:
        client: None where the class takes none.
        n_at_once: requests that may be under way.
    """

    stage: Stage
    client: Remembering | None
    n_at_once: int


@dataclass(frozen=True)
class ModelledStage:
    """A stage's arguments without those of its model, and that model.

    Attributes:
        client: None where the class takes none, or no model is named.
        n_at_once: requests that may be under way.
    """

    spec: StageSpec
    client: Remembering | None
    n_at_once: int


def with_model(family: Family, spec: StageSpec, settings: LanguageModelSettings) -> ModelledStage:
    """Take what is about the model out of a stage's arguments: `llm` and `ClientOptions`.

    Raises:
        UserError: no such stage, model or option.
    """
    cls = family.own(spec.name)
    taken = {*inspect.signature(cls).parameters, *argument_names(cls)}
    if not takes_injected(cls, "client"):
        return ModelledStage(spec, None, 1)
    names = {"llm", *(item.name for item in fields(ClientOptions))} - taken
    own = {name: value for name, value in spec.arguments if name in names}
    rest = StageSpec(spec.name, tuple((name, value) for name, value in spec.arguments if name not in names))
    model = own.pop("llm", "") or settings.model
    what = f"{family.kind} {spec.name}"
    options = ClientOptions(**convert_arguments(ClientOptions, own, what))
    if options.n_at_once < 1:
        raise UserError(f"{what}: n_at_once={options.n_at_once} does not fit: it must be at least 1.")
    return ModelledStage(rest, settings.client(model, options) if model else None, options.n_at_once)


def create_with_model(
    family: Family, spec: StageSpec, settings: LanguageModelSettings, **injected: Any
) -> Modelled[Any]:
    """A stage as a user names it, with its model where its class takes one by the keyword-only argument `client`.

    Args:
        injected: as for `Family.create`.

    Raises:
        UserError: no such stage, model or argument, or the class cannot do without a model and none is named.
    """
    found = with_model(family, spec, settings)
    cls = family.own(spec.name)
    takes_client = takes_injected(cls, "client")
    client = inspect.signature(cls).parameters.get("client")
    if takes_client and client is not None and client.default is inspect.Parameter.empty and found.client is None:
        raise UserError(
            f"{family.kind} {spec.name} needs a language model: add ,llm=hf:FOLDER or ,llm=http://HOST/v1#MODEL, or "
            "--generator-model."
        )
    # A class that can do without a model keeps its default; one that asks for it elsewhere is told where to.
    given = {} if takes_client and found.client is None else {"client": found.client}
    stage = family.create(found.spec, **given, n_at_once=found.n_at_once, **injected)
    return Modelled(stage, found.client, found.n_at_once)
