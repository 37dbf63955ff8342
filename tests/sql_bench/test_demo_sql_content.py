"""The embedded dataset: tables in the declared shape, statements that agree with their stated answers, due verdicts."""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter
from pathlib import Path

import duckdb
import pytest
import sqlglot
import yaml
from sqlglot import exp

from sql_bench.mirror.importing import import_folder
from sql_bench.mirror.mirror import Mirror
from sql_bench.mirror.schema import load_schema
from sql_bench.types import VerdictKind

BIOMED = Path(__file__).parents[2] / "sql_bench/datasets/demo/biomed"

_ASSOCIATIONS = "UUID:S SNP:S A1:S A2:S freq:F b:F se:F p:F chr_37:I bp_37:I chr_38:I bp_38:I nearestGene:S"
_PATHWAYS = "UUID:S genes:S size:I statistic:F p:F"
SHAPES = {
    "AlzheimerDisease_CombinedGeneData_UUID": ("AD_combo_gene_notext_UUID", _ASSOCIATIONS),
    "ParkinsonDisease_CompleteGeneData_No23andMe": ("PDno23andme_full_gene_notext", _ASSOCIATIONS),
    "AlzheimerDisease_GeneAssoc_Pathways_UUID": ("AlzheimerDisease_GeneAssoc_UUID", _PATHWAYS),
    "ParkinsonDisease_GeneAssoc_Pathways_UUID": ("ParkinsonDisease_GeneAssoc_UUID", _PATHWAYS),
    "NeurodegenerativeDisease_AlleleFrequencies_UUID": (
        "NeurodegenerativeDisease_AlleleFrequencies",
        "UUID:S chr_38:I SNP:S A1:S A2:S freq:F",
    ),
    "NeurodegenerativeDiseases_SMR_Genes_Full": (
        "NDD_SMR_genes_all_update_text",
        "UUID:S Omic:S Disease:S probeID:S ProbeChr:I Gene:S Probe_bp:I topSNP:S topSNP_chr:I topSNP_bp:I A1:S A2:S "
        "Freq:F b_GWAS:F se_GWAS:F p_GWAS:F b_eQTL:F se_eQTL:F p_eQTL:F b_SMR:F se_SMR:F p_SMR:F p_SMR_multi:F "
        "p_HEIDI:F nsnp_HEIDI:F topRSID:S Omic_type:S Omic_tissue:S Disease_name:S Source:S func_sig:S",
    ),
    "DrugGeneTargets_ComprehensiveAnnotations_updated": (
        "DrugGeneTargets_v2",
        "UUID:S chemblIdentifier:S blackBoxWarning:B drugName:S drugMolecularType:S yearOfFirstApproval:I "
        "maxClinicalTrialPhase:I drugHasBeenWithdrawn:B drugIsApproved:B tradeNames_string:S drugSynonyms_string:S "
        "linkedDiseasesDrug_string:S linkedDiseasesCount:I newLinkedTargets_string:S numberLinkedTargets:I "
        "drugDescription:S drugActionType:S drugMechanismOfAction:S tradename_count:I synonyms_count:I",
    ),
    "DrugTargets_IndicationsAndTherapeuticUses": (
        "DrugTargetsIndication121923_text",
        "UUID:S chemblId:S drugName:S tradeName:S drugType:S actionType:S targetType:S target:S approvedSymbol:S "
        "approvedName:S yearOfFirstApproval:I usan_year:F patent_no:S max_phase_for_ind:F mesh_id:S mesh_heading:S "
        "efo_id:S efo_term:S tradeNames_list:S tradename_count:I syns_list:S synonyms_count:I ct:S",
    ),
    "DrugTargets_LiscensingAndUses": (
        "DrugTargets_LiscensingAndUses",
        "UUID:S applicant:S blaNumber:I drugName:S properName:S blaType:S strength:S dosageForm:S "
        "routeOfAdministration:S productPresentation:S marketingStatus:S licensure:S submissionType:S licenseNumber:I "
        "productNumber:I center:S",
    ),
    "DrugTargets_UsesAndDosages": (
        "DrugTargets_UsesAndDosages",
        "UUID:S drugName:S indication:S population:S dosage:S dosageForm:S routeOfAdministration:S frequency:S "
        "maxDailyDose_mg:F",
    ),
}
_TYPES = {"S": "VARCHAR", "I": "BIGINT", "F": "DOUBLE", "B": "BOOLEAN"}


def read_jsonl(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (BIOMED / name).read_text(encoding="utf-8").splitlines()]


QUESTIONS = read_jsonl("questions.jsonl")
GOLDS = {item["question_id"]: item["gold_sql"] for item in QUESTIONS if item["gold_sql"]}
EXPECTED = yaml.safe_load((BIOMED / "predictions/expected.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    path = tmp_path_factory.mktemp("mirror") / "biomed.duckdb"
    return import_folder(BIOMED / "tables", path, load_schema(BIOMED / "schema.yaml"))


@pytest.fixture(scope="module")
def connection(mirror: Mirror):
    with duckdb.connect(str(mirror.path), read_only=True) as connection:
        yield connection


def run(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[list[str], list[tuple]]:
    tree = sqlglot.parse_one(sql, read="bigquery")
    for table in tree.find_all(exp.Table):
        table.set("db", None)
        table.set("catalog", None)
    result = connection.execute(tree.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE))
    return [column[0] for column in result.description], result.fetchall()


def test_tables_have_the_reference_columns_and_types(mirror: Mirror) -> None:
    found = {table.name: [(column.name, column.type) for column in table.columns] for table in mirror.tables}
    assert found == {
        table: [(name, _TYPES[kind]) for name, kind in (column.split(":") for column in shape.split())]
        for table, (_, shape) in SHAPES.items()
    }


def test_tables_are_small_and_not_tiny(mirror: Mirror) -> None:
    sizes = {table.name: table.n_rows for table in mirror.tables}
    assert all(40 <= size <= 250 for size in sizes.values()), sizes
    assert 1_000 <= sum(sizes.values()) <= 1_500


@pytest.mark.parametrize("table", SHAPES)
def test_uuids_are_unique_and_follow_their_pattern(table: str) -> None:
    with (BIOMED / "tables" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        uuids = [row["UUID"] for row in csv.DictReader(file)]
    declared = yaml.safe_load((BIOMED / "dataset.yaml").read_text(encoding="utf-8"))["identifiers"]
    assert len(set(uuids)) == len(uuids)
    assert all(re.fullmatch(rf"{SHAPES[table][0]}_[0-9]+", uuid) for uuid in uuids)
    assert declared["columns"] == ["UUID"]
    assert all(re.search(declared["pattern"], uuid) for uuid in uuids)


def test_the_identifier_pattern_does_not_match_other_columns(connection: duckdb.DuckDBPyConnection) -> None:
    pattern = yaml.safe_load((BIOMED / "dataset.yaml").read_text(encoding="utf-8"))["identifiers"]["pattern"]
    for table in SHAPES:
        for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall():
            if name != "UUID" and kind == "VARCHAR":
                values = connection.execute(f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL").fetchall()
                assert not any(re.search(pattern, value) for (value,) in values), (table, name)


@pytest.mark.parametrize(
    "table", ["AlzheimerDisease_CombinedGeneData_UUID", "ParkinsonDisease_CompleteGeneData_No23andMe"]
)
def test_p_values_follow_from_effect_and_error(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    rows = connection.execute(f"SELECT SNP, b, se, p FROM {table}").fetchall()
    for snp, b, se, p in rows:
        from_z = math.erfc(abs(b / se) / math.sqrt(2))
        assert math.isclose(math.log10(p), math.log10(from_z), rel_tol=0.01, abs_tol=0.01), (snp, p, from_z)
    p_values = [p for *_, p in rows]
    assert min(p_values) < 1e-50
    assert sum(p < 5e-8 for p in p_values) / len(p_values) < 0.5
    assert {4.99e-8, 5e-8, 5.01e-8} <= set(p_values)  # < and <= must differ
    assert max(Counter(p_values).values()) > 1  # ties in the sort key


def test_smr_follows_from_its_two_studies(connection: duckdb.DuckDBPyConnection) -> None:
    """Zhu et al. 2016 (doi 10.1038/ng.3538): b_SMR = b_GWAS / b_eQTL, z² = z_g² z_e² / (z_g² + z_e²)."""
    columns = "b_GWAS, se_GWAS, b_eQTL, se_eQTL, b_SMR, p_SMR, p_HEIDI, func_sig"
    query = f"SELECT {columns} FROM NeurodegenerativeDiseases_SMR_Genes_Full"
    n_consistent = n_rows = 0
    for b_gwas, se_gwas, b_eqtl, se_eqtl, b_smr, p_smr, p_heidi, func_sig in connection.execute(query).fetchall():
        z_gwas, z_eqtl = b_gwas / se_gwas, b_eqtl / se_eqtl
        z = z_gwas * z_eqtl / math.hypot(z_gwas, z_eqtl)
        n_consistent += math.isclose(p_smr, math.erfc(abs(z) / math.sqrt(2)), rel_tol=1e-3)
        n_rows += 1
        assert math.isclose(b_smr, b_gwas / b_eqtl, rel_tol=1e-4, abs_tol=1e-6)
        assert (func_sig == "pass") == (p_smr < 2.95e-6 and p_heidi is not None and p_heidi > 0.01)
    assert n_rows - n_consistent <= 2  # two were moved to the threshold


def test_tables_agree_with_each_other(connection: duckdb.DuckDBPyConnection) -> None:
    for table in ("AlzheimerDisease_GeneAssoc_Pathways_UUID", "ParkinsonDisease_GeneAssoc_Pathways_UUID"):
        assert not connection.execute(f"FROM {table} WHERE len(split(genes, ', ')) <> size").fetchall()
    drugs = "DrugGeneTargets_ComprehensiveAnnotations_updated"
    assert not connection.execute(f"FROM {drugs} WHERE drugIsApproved <> (yearOfFirstApproval IS NOT NULL)").fetchall()
    assert not connection.execute(
        f"FROM {drugs} WHERE coalesce(len(split(newLinkedTargets_string, ', ')), 0) <> numberLinkedTargets"
    ).fetchall()
    years = f"FROM {drugs} JOIN DrugTargets_IndicationsAndTherapeuticUses i ON chemblId = chemblIdentifier"
    assert not connection.execute(
        f"{years} WHERE {drugs}.yearOfFirstApproval IS DISTINCT FROM i.yearOfFirstApproval"
    ).fetchall()
    unknown = (
        f"SELECT drugName FROM DrugTargets_UsesAndDosages WHERE upper(drugName) NOT IN (SELECT drugName FROM {drugs})"
    )
    assert connection.execute(unknown).fetchall() == []


@pytest.mark.parametrize(
    ("drug", "year", "boxed", "withdrawn", "targets"),
    [
        ("DONEPEZIL", 1996, False, False, "ACHE"),
        ("LECANEMAB", 2023, True, False, "APP"),
        ("NATALIZUMAB", 2004, True, False, "ITGA4"),
        ("PIMAVANSERIN", 2016, True, False, "HTR2A"),
        ("ROFECOXIB", 1999, False, True, "PTGS2"),
        ("RASAGILINE", 2006, False, False, "MAOB"),
        ("TOLCAPONE", 1998, True, False, "COMT"),
        ("VERUBECESTAT", None, False, False, "BACE1"),
    ],
)
def test_drug_facts(
    connection: duckdb.DuckDBPyConnection, drug: str, year: int | None, boxed: bool, withdrawn: bool, targets: str
) -> None:
    query = (
        "SELECT yearOfFirstApproval, blackBoxWarning, drugHasBeenWithdrawn, newLinkedTargets_string"
        " FROM DrugGeneTargets_ComprehensiveAnnotations_updated WHERE drugName = ?"
    )
    assert connection.execute(query, [drug]).fetchall() == [(year, boxed, withdrawn, targets)]


def test_questions_are_complete() -> None:
    ids = [item["question_id"] for item in QUESTIONS]
    assert len(set(ids)) == len(ids) == 21
    assert len(GOLDS) == 20
    assert all(re.fullmatch(r"D[0-9]+\.[0-9]+", question_id) for question_id in ids)
    assert all(item[field] for item in QUESTIONS for field in ("question", "answer", "query_type", "bio_category"))


@pytest.mark.parametrize("question_id", GOLDS)
def test_gold_runs_and_returns_what_its_answer_states(connection: duckdb.DuckDBPyConnection, question_id: str) -> None:
    answer = next(item["answer"] for item in QUESTIONS if item["question_id"] == question_id).lower()
    columns, rows = run(connection, GOLDS[question_id])
    assert 0 < len(rows) <= 10
    subject = next(index for index, name in enumerate(columns) if name.lower() not in ("uuid", "phase"))
    for row in rows:
        assert str(row[subject]).lower() in answer, row


@pytest.mark.parametrize(
    ("question_id", "rows"),
    [
        ("D3.1", [(60,)]),
        ("D4.1", [("GRN",), ("HLA-DRB1",)]),
        ("D6.1", [("Amyotrophic lateral sclerosis", 27, 0.444), ("Alzheimer disease", 64, 0.359)]),
        ("D9.1", [("SORL1", 12), ("APOE", 6), ("CR1", 6), ("APOA1", 5)]),
        (
            "D10.1",
            [(3, "exenatide; isradipine; perampanel"), (2, "nilotinib; pioglitazone; prasinezumab; simvastatin")],
        ),
    ],
)
def test_gold_figures(connection: duckdb.DuckDBPyConnection, question_id: str, rows: list[tuple]) -> None:
    assert run(connection, GOLDS[question_id])[1][: len(rows)] == rows


def test_golds_are_not_one_template_filled() -> None:
    """No two questions or statements are equal once names, numbers and texts are taken out of them."""
    skeletons = Counter()
    for sql in GOLDS.values():
        tree = sqlglot.parse_one(sql, read="bigquery")
        skeletons[
            " ".join(
                "_" if isinstance(node, exp.Identifier | exp.Literal) else type(node).__name__ for node in tree.walk()
            )
        ] += 1
    assert max(skeletons.values()) == 1
    openings = Counter(" ".join(item["question"].split()[:4]) for item in QUESTIONS)
    assert max(openings.values()) == 1


@pytest.mark.parametrize(
    "construct",
    [
        "SAFE_DIVIDE", "COUNTIF", "IF(", "REGEXP_CONTAINS", "QUALIFY", "UNNEST(SPLIT(", "STRING_AGG", " OVER (",
        "WITH ", "JOIN ", " LIKE ", "CASE ", "DISTINCT", "LIMIT 100", "LIMIT 3", "AVG(", "`biobench.demo.", "`demo.",
    ],
)  # fmt: skip
def test_golds_use_what_real_ones_use(construct: str) -> None:
    assert any(construct in sql for sql in GOLDS.values())


@pytest.mark.parametrize("name", ["careful", "hasty"])
def test_expectations_cover_every_question(name: str) -> None:
    assert (BIOMED / "predictions" / f"{name}.jsonl").is_file()
    assert set(EXPECTED) == {"careful", "hasty"}
    assert list(EXPECTED[name]) == [item["question_id"] for item in QUESTIONS]
    kinds = {kind.value for kind in VerdictKind}
    for expected in EXPECTED[name].values():
        assert set(expected) == {"answer", "exact", "biomedsql", "because"}
        assert {expected["answer"], expected["exact"], expected["biomedsql"]} <= kinds
        assert expected["because"]


@pytest.mark.parametrize(("name", "low", "high"), [("careful", 0.75, 0.85), ("hasty", 0.30, 0.40)])
def test_share_of_right_predictions(name: str, low: float, high: float) -> None:
    n_correct = sum(EXPECTED[name][question_id]["answer"] == "correct" for question_id in GOLDS)
    assert low <= n_correct / len(GOLDS) <= high


def test_predictions_answer_known_questions_once_and_one_is_missing() -> None:
    known = [item["question_id"] for item in QUESTIONS]
    careful, hasty = ([item["question_id"] for item in read_jsonl(f"predictions/{n}.jsonl")] for n in EXPECTED)
    assert careful == known
    assert hasty == [question_id for question_id in known if question_id != "D19.1"]
