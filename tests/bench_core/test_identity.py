import pytest

from bench_core.identity import canonical_json, content_hash, identity_hash


def test_the_order_of_keys_changes_nothing():
    assert identity_hash({"b": 1, "a": [1, 2]}) == identity_hash({"a": [1, 2], "b": 1})


def test_every_value_counts():
    hashes = {identity_hash(value) for value in ({"k": 1}, {"k": 1.5}, {"k": "1"}, {"k": None}, {"k": True}, {"j": 1})}
    assert len(hashes) == 6


def test_nan_has_no_identity():
    with pytest.raises(ValueError):
        canonical_json({"k": float("nan")})


def test_texts_cannot_run_into_each_other():
    assert content_hash(["ab", "c"]) != content_hash(["a", "bc"])
    assert content_hash([]) != content_hash([""])


def test_an_identity_is_pinned():
    """Identities name folders: a change of the canonical form would orphan every run there is."""
    assert canonical_json({"ü": [1, 0.1, None, "x"], "a": True}) == '{"a":true,"ü":[1,0.1,null,"x"]}'
    assert identity_hash({"a": 1}).startswith("015abd7f5cc57a2d")
