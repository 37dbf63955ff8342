"""Options that several classes share are arguments of each."""

from dataclasses import dataclass

import pytest

from bench_core.errors import UserError
from bench_core.plugins.arguments import arguments_of, convert_arguments
from bench_core.plugins.described import Described


@dataclass(frozen=True)
class Place:
    """Where it runs.

    Attributes:
        device: the device.
    """

    device: str = "cpu"


@dataclass(frozen=True)
class Batches(Place):
    """How it runs.

    Attributes:
        size: texts at once.
    """

    size: int = 32

    def __post_init__(self):
        if self.size < 1:
            raise UserError(f"size={self.size} does not fit: it must be at least 1.")


@dataclass(frozen=True)
class Needed:
    path: str


class Example(Described):
    """An example.

    Args:
        model: a model.
        size: of this class's own.
    """

    def __init__(self, model: str = "m", batches: Batches = Batches(size=8)):
        self.model, self.batches = model, batches


def test_their_fields_are_arguments_with_their_meaning_and_the_defaults_of_the_class():
    listed = {argument.name: (argument.default, argument.meaning) for argument in arguments_of(Example)}
    assert listed == {
        "model": ("m", "a model."),
        "device": ("cpu", "the device."),
        "size": ("8", "of this class's own."),
    }


@pytest.mark.parametrize(
    ("texts", "made"),
    [
        ({}, ("m", Batches(size=8))),
        ({"model": "x"}, ("x", Batches(size=8))),
        ({"device": "cuda"}, ("m", Batches("cuda", 8))),
        ({"size": "2", "device": "cuda:1", "model": "y"}, ("y", Batches("cuda:1", 2))),
    ],
)
def test_what_is_given_is_put_together_and_the_rest_stays_as_the_class_has_it(texts, made):
    example = Example(**convert_arguments(Example, texts, "x"))
    assert (example.model, example.batches) == made


def test_mistakes_are_told_as_for_every_argument():
    with pytest.raises(UserError, match=r"no argument 'siz' \(did you mean size\?\); it takes model, device, size"):
        convert_arguments(Example, {"siz": "3"}, "x")
    with pytest.raises(UserError, match=r"^x: size=many does not fit"):
        convert_arguments(Example, {"size": "many"}, "x")
    with pytest.raises(UserError, match=r"^x: size=0 does not fit: it must be at least 1\.$"):
        convert_arguments(Example, {"size": "0"}, "x")
    with pytest.raises(UserError, match="x needs path; add ,path="):
        convert_arguments(NeedsOptions, {}, "x")
    assert convert_arguments(NeedsOptions, {"path": "a"}, "x") == {"needed": Needed("a")}


class NeedsOptions:
    def __init__(self, needed: Needed):
        self.needed = needed


def test_a_description_has_them_as_their_user_writes_them():
    assert Example().arguments() == {"model": "m", "device": "cpu", "size": 8}
