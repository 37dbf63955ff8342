"""What is asked of a dataset stands on its card, and no stage looks at its name."""

import ast
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import retrieval_bench
from bench_core.errors import UserError
from retrieval_bench.datasets.card import UNKNOWN, DatasetCard
from retrieval_bench.datasets.dataset import load_dataset
from retrieval_bench.datasets.tasks import TASKS
from retrieval_bench.pipeline.system import Setting, create_system
from retrieval_bench.query_generators.replayed import Replay

PACKAGE = Path(retrieval_bench.__file__).parent
STAGES = ("encoders", "retrievers", "rerankers", "query_generators", "fusion", "rankings", "scoring", "pipeline")
DEMO = PACKAGE / "datasets" / "demo" / "evidence"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of an embedded set as a folder of the user's."""
    place = tmp_path / "mine"
    place.mkdir()
    for path in DEMO.iterdir():
        if path.stem not in ("hyde", "query2doc", "lamer", "reasoning", "search-o1", "search-r1"):
            shutil.copy(path, place)
    return place


def texts_of(path: Path) -> list[str]:
    """All literal texts of a module but for its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose
    ]


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_knows_a_dataset_by_its_name(stage):
    named = {
        f"{path.name}: {text}"
        for path in (PACKAGE / stage).rglob("*.py")
        for text in texts_of(path)
        if text.startswith(("r2med/", "cliniq/", "demo/"))
    }
    assert not named


def test_the_registry_of_models_holds_no_datasets():
    text = (PACKAGE / "encoders" / "models.yaml").read_text(encoding="utf-8")
    assert "r2med/" not in text and "demo/" not in text and "cliniq/" not in text


def test_a_folder_has_the_task_that_its_user_names(folder):
    card = load_dataset(f"dir:{folder},task=clinical-case").card
    words = {
        create_system("dense,model=e5-mistral", Setting(each)).describe()["search"]["query"]["prefix"]
        for each in (card, UNKNOWN, replace(card, task="qa-reference"))
    }
    assert len(words) == 3 and any(TASKS["clinical-case"].search in text for text in words)


def test_an_unknown_task_is_refused_with_the_close_one(folder):
    with pytest.raises(UserError, match=r"no task 'clinical-cases' \(did you mean clinical-case\?\)"):
        load_dataset(f"dir:{folder},task=clinical-cases")


def test_identical_ids_follow_the_card():
    dropped = create_system("dense", Setting(DatasetCard("any/name", "", identical_ids="drop-dense")))
    assert dropped.describe()["search"]["identical_ids"] == "drop"
    assert "identical_ids" not in create_system("dense", Setting(UNKNOWN)).describe()["search"]


def test_texts_that_lie_in_a_folder_are_replayed_where_no_model_is_named(folder):
    with pytest.raises(UserError, match="dir/mine brings no texts of it to replay"):
        create_system("hyde > bm25", Setting(load_dataset(f"dir:{folder}").card))
    (folder / "generated").mkdir()
    lines = [
        json.dumps({"query_id": query.query_id, "text": "gout"}) for query in load_dataset(f"dir:{folder}").queries
    ]
    (folder / "generated" / "hyde.jsonl").write_text("\n".join(lines))
    system = create_system("hyde > bm25", Setting(load_dataset(f"dir:{folder}").card))
    assert isinstance(system.generation.generator, Replay)
