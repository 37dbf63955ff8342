"""Regenerates what the analyzer's tests compare with, and its table of word-break classes, from live Lucene.

    python tests/retrieval_bench/make_analysis_fixtures.py tokens     # minutes: cases and hashes of token streams
    python tests/retrieval_bench/make_analysis_fixtures.py classes    # minutes: the analyzer's own table

Needs the extra `lucene`. Run `tokens` again whenever the text of an embedded dataset changes.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, product, takewhile
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = Path(__file__).parent / "fixtures"
CASES_PATH = FIXTURES / "analysis_cases.jsonl"
STREAMS_PATH = FIXTURES / "analysis_streams.json"
CLASSES_PATH = REPOSITORY / "retrieval_bench" / "analysis" / "word_break_classes.tsv"

sys.path.insert(0, str(REPOSITORY))

from bench_core.identity import content_hash  # noqa: E402
from bench_core.jsonl import read_lines  # noqa: E402
from retrieval_bench.analysis.lucene_runtime import start_lucene  # noqa: E402
from retrieval_bench.datasets.records import read_corpus, read_queries  # noqa: E402

Terms = Callable[[str], list[str]]

COLLECTIONS = (
    *(
        f"../shared/data/retrieval/{name}/{file}"
        for name in ("med", "nfcorpus", "pubmedqa")
        for file in ("corpus.jsonl", "queries.jsonl")
    ),
    "../shared/data/retrieval/bright-biology/topics.bright-biology.tsv",
    *(
        f"retrieval_bench/datasets/demo/{name}/{file}"
        for name in ("qa", "evidence", "cases", "ehr")
        for file in ("corpus.jsonl", "query.jsonl")
    ),
)
"""Paths from the root of the repository."""

REPRESENTATIVES = {
    "none": "-",
    "letter": "b",
    "hebrew_letter": "א",
    "emoji_letter": "ℹ",
    "number": "7",
    "katakana": "カ",
    "ideograph": "漢",
    "complex": "ก",
    "complex_mark": "ั",
    "mark": "\u0301",
    "joiner": "\u200d",
    "text_style": "\ufe0e",
    "emoji_style": "\ufe0f",
    "skin_tone": "\U0001f3ff",
    "keycap": "\u20e3",
    "tag": "\U000e0067",
    "tag_end": "\U000e007f",
    "pictograph": "👩",
    "regional_indicator": "🇩",
    "keycap_base": "#",
    "connector": "_",
    "mid_letter": ":",
    "mid_number": ",",
    "mid_either": ".",
    "apostrophe": "'",
    "quote": '"',
}
"""A code point of each class; its name is the class's in `word_breaks.CLASS_CODES`."""

PROBES = (
    "{}", "b{}b", "b:{}", "7,{}", "7{}7", "א{}", "א{}א", "{}カ", "{}ก", "_{}", "{0}{0}", "👩{}", "👩\ufe0f{}",
    "👩\u200d{}", "👩{}\u200d👩", "{}\u200d👩", "👩\ufe0f{}\U000e007f", "👩\ufe0f\U000e0067{}", "🇩{}", "#{}",
    "{}\u20e3", "{}\ufe0f", "{}\u0301", "{}'", "b{}", "👩{}\u0301",
)  # fmt: skip
"""Texts that tell the classes apart by how long their words are."""

CASES = (
    # possessives and apostrophes
    "Crohn's disease, Alzheimer's, the patients' sera, James's",
    "Alzheimer\u2019s Alzheimer\uff07s ALZHEIMER'S ALZHEIMER\u2019S Alzheimer\u2018s Alzheimer`s Alzheimer\u02bcs",
    "it's that's 's s' x's O'Neill's d'Alembert rock'n'roll 'quoted' ''double'' don''t",
    # hyphens, numbers, formulas
    "IL-6 TNF-α anti-PD-1 β2-microglobulin non-small-cell COVID-19 T-cell\u2010mediated en\u2013dash em\u2014dash",
    "1,000,000.50 3.14 .5 5. 1.2.3 1,2,,3 10:30 12/05/2020 5'3 5\"3 p<0.05 95% $3.50 -4 10^9 1e-8 2x3 0.5mg 37.5°C",
    "p=5.0e-8, CD4+/CD8+ Na+/K+-ATPase HbA1c H2O2 vitamin B12 2,3-diphosphoglycerate (R)-(+)-limonene α,β-unsaturated",
    "rs429358 chr19:44908684 c.1521_1523delCTT p.Phe508del NM_000492.4 GRCh38.p14",
    # addresses, identifiers, underscores
    "someone.else@example.org http://www.example.org/a_b-c?d=e&f=1.2 doi:10.1000/182",
    "file_name.txt _lead trail_ ___ a__b",
    "U.S.A. e.g. i.e. Ph.D. a.b.c a:b:c a.1 1.a a:1 1:a a,b a;b 1;2 wi-fi C++ C# .NET #hashtag @name",
    # letters and case
    "TGF-β1 ΑΛΦΑ Σίσυφος ΟΔΥΣΣΕΥΣ ΣΣ σς ΑΣ' μg µg Ωmega ΔF508 κB",
    "İstanbul IĞDIR ıssız İİ i̇ Straße STRASSE ŒUVRE naïve naïve Ångström Ångström Å Kelvin Ꭰ ꭰ ᲐᲑ Ⴀ",
    "e\u0301tude cafe\u0301s \u0301alone a\u0301\u0302b n\u0303o co\u00adoperate soft\u00ad hyphen\u00adated",
    "zero\u200bwidth\u200cnon\u200djoiner word\u2060joiner bom\ufeffinside \u200dlead x\u200d \u200d",
    "a\u00b8b \u00b8 a\u202fb 5\u202fmg \u202f a\u00a0b a\u2009b a\u3000b a\u0085b a\u2028b a\u001fb a\u000bb a\u180eb",
    "\u0600 \u06001 \u0601٢٣ a\u0600b \u06dd1 ٣٫١٤ ٣٬١٤ ۱۲۳",
    "ﬁbrosis ﬂow ½ ¼ x² H₂O CO₂ m³ ① ⑴ Ⅳ ⅳ ª º ™ © ® № ℃ Å ℹ ⓜ Ⓜ ⒜",
    "fullwidth ＡＢＣ １２３ １，２ １．２ ａ＿ｂ ａ：ｂ ｶﾀｶﾅ",
    # scripts
    "שלום צה\"ל ג'ירפה ג' \"שלום\" בי\"ס ה'תשפ\"ד א\"אא א'\"א אa\"א א.א' א1\"א צה״ל ג׳",
    "ภาษาไทยไม่มีช่องว่าง ไทย1 ไทยabc กั ั aัb ລາວ ខ្មែរ မြန်မာ",
    "漢字かな交じり文カタカナ 東京都 コンピュータ カ_ナ カナ1 aカ ー あー 々 〆 ㊗ ",
    "한국어 한글漢字 ㄅㄆㄇ ꀀꀁ 𠮷野家 漢\u0301字",
    "हिन्दी தமிழ் العربية فارسی ქართული հայերեն। አማርኛ монгол ᠮᠣᠩᠭᠣᠯ བོད་ཡིག",
    # emoji
    "😀 😀😀 a😀b 1😀2 👍🏿 👍🏿a 🏿 ☎ ☎️ ☎︎ ❤️ ❤ ©️ ™️ ✔",
    "👩\u200d❤️\u200d👨 👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 👩🏽\u200d🚀 👩\u200d 👩\u200d\u200d👩 👩️️\u200d👩 \u200d👩",
    "🇩🇪 🇩 🇩🇪🇫🇷 🇩🇪🇫 🇩\u0301🇪 🇩\u200d🇪 a🇩🇪b",
    "1️⃣ #️⃣ *️⃣ #⃣ 1⃣ # * 12️⃣ a1️⃣ #️ ##️⃣",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 🏴\U000e0067\U000e0062 👍️\U000e0067\U000e007f😀",
    "ℹ️ ℹ\u200d👩 aℹ\u200d👩 ℹℹ\u200dℹ\u200d👩b Ⓜ️ 👩\u200dⓂ 🅰b 🆎 🅱️️\u200d👩",
    # the first Unicode versions after 12.1
    "𑥐 Ꟶ ؜ ࢾ ఼ 𐺀 \U0001fac0 🪀 \U0001fbf0 \U00030000 ㋿ \u08c7",
    # words of 254, 255 and 256 units, and supplementary code points at the boundary
    *("a" * n for n in (253, 254, 255, 256, 510, 511, 512)),
    *("a" * n + "\U0001d49c" * 3 for n in (251, 252, 253, 254, 255)),
    *("\U0001d49c" * n + "s" for n in (1, 2, 126, 127, 128)),
    *("a" * n + ".b c" for n in (253, 254, 255)),
    *("a" * n + "'s left" for n in (252, 253, 254, 255)),
    *("1" * n + ",000" for n in (252, 253, 254)),
    *("a" * n + "\u0301\u0301b" for n in (253, 254, 255)),
    *("_" * n + "a_b" for n in (253, 254, 255, 256)),
    *("👩" + "\u200d👩" * n for n in (84, 85, 86, 170)),
    *("a" * n + "👩" for n in (253, 254, 255)),
    *("א" * n + "\"אב" for n in (252, 253, 254)),
    "ab1.2_" * 120,
    "ก" * 300 + "漢" * 300,
    # stop words and stemming
    "The patient WAS not in THE study; such a THE's it's to-be or_not İn Is iſ",
    "caresses ponies ties cats feed agreed plastered motoring sing conflated troubled sized hopping falling failing",
    "happy sky relational conditional rational valenci digitizer conformabli radicalli biology analogi apologies",
    "feudalism triplicate formative formalize electrical hopeful goodness revival allowance inference adjustable",
    "irritant adoption",
    "probate rate cease controll roll by as is yes say dying ied ies sses eed ing ed s ss bled blee abbey y yy yyy",
    "oedema anaemia diabetes mellitus metastases diagnoses crises hypotheses bacilli lysis ions cholesterolaemia",
    "café's naïvely événements γings ΔFed x1s 𝒜s 𝒜𝒜s a𝒜𝒜ed o𝒜eing 𐐀𐐁ing",
    "", " ", "\n\t", "-", "...", "\u0000", "a\u0000b",
)  # fmt: skip


def case_rows(terms: Terms) -> Iterator[str]:
    """One JSON line a text: the text and Lucene's terms."""
    for text in CASES:
        yield json.dumps({"text": text, "terms": terms(text)}) + "\n"


def collection_texts(path: str) -> list[str]:
    """The texts of a file of documents or queries, as they are indexed."""
    file = REPOSITORY / path
    if file.suffix == ".tsv":
        return [line.split("\t", 1)[1] for _, line in read_lines(file)]
    if file.name == "corpus.jsonl":
        return [document.text for document in read_corpus(file, "first").corpus]
    return [query.text for query in read_queries(file)]


def class_sequences() -> Iterator[str]:
    """Every sequence of up to three classes, by their representatives."""
    for length in (1, 2, 3):
        yield from map("".join, product(REPRESENTATIVES.values(), repeat=length))


def code_points() -> list[str]:
    """Every code point that UTF-8 can carry."""
    return [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]


def probed_code_points() -> Iterator[str]:
    """Every code point alone, and inside a word with a possessive ending."""
    for template in ("{}", "b{}B's"):
        yield from map(template.format, code_points())


def random_texts(n_texts: int, seed: int) -> Iterator[str]:
    """Texts of random code points, their classes drawn first, many of them longer than a word may be."""
    members = class_members()
    names = list(members)
    draw = random.Random(seed)
    for _ in range(n_texts):
        few = draw.choices(names, k=draw.randint(1, 6))
        length = draw.choice((3, 8, 20, 300, 700))
        yield "".join(draw.choice(members[name]) for name in draw.choices(few, k=length))


def class_members() -> dict[str, list[str]]:
    """The code points of each class as the analyzer's table has them, and some of none."""
    members = {"none": list(" -/()\n\t\u00a0\u2003")}
    for _, line in read_lines(CLASSES_PATH):
        if not line.startswith("#"):
            first, last, name = line.split("\t")
            members.setdefault(name, []).extend(map(chr, range(int(first, 16), int(last, 16) + 1)))
    return members


GENERATED: dict[str, Callable[[], Iterable[str]]] = {
    "class sequences": class_sequences,
    "code points": probed_code_points,
    "random texts": lambda: random_texts(2_000, seed=1),
}
"""Texts of no collection, by name."""


def stream(texts: Sequence[str], terms: Iterable[Sequence[str]]) -> dict[str, str | int]:
    """How many texts there are, and hashes of them and of their terms (none of which holds a space)."""
    return {
        "n_texts": len(texts),
        "texts_sha256": content_hash(texts),
        "terms_sha256": content_hash(map(" ".join, terms)),
    }


def streams(terms: Terms) -> dict[str, dict[str, str | int]]:
    """The streams of every collection that is here, and of the generated texts."""
    found = {path: collection_texts(path) for path in COLLECTIONS if (REPOSITORY / path).is_file()}
    generated = {name: list(texts()) for name, texts in GENERATED.items()}
    return {
        **{path: stream(texts, map(terms, texts)) for path, texts in found.items()},
        **{name: stream(texts, in_blocks(terms, texts)) for name, texts in generated.items()},
    }


_SENTINEL = "zqsentinelqz"
_BLOCK = 20_000


def in_blocks(terms: Terms, texts: Sequence[str]) -> Iterator[list[str]]:
    """The terms of many short texts, thousands to a call of Java; a line break is a boundary to every rule."""
    for start in range(0, len(texts), _BLOCK):
        block = texts[start : start + _BLOCK]
        found = iter(terms(f"\n{_SENTINEL}\n".join(block) + f"\n{_SENTINEL}\n"))
        for _ in block:
            yield list(takewhile(_SENTINEL.__ne__, found))


def lucene_english_terms() -> Terms:
    """The function from a text to its terms that Pyserini indexes and searches with by default."""
    start_lucene()
    from pyserini.analysis import JDefaultEnglishAnalyzer

    return terms_function(JDefaultEnglishAnalyzer.newDefaultInstance())


def terms_function(analyzer: Any) -> Terms:
    """The function from a text to its terms that a Java analyzer stands for."""
    from pyserini.analysis import JAnalyzerUtils

    def terms(text: str) -> list[str]:
        # One string crosses from Java instead of one a term. No analyzer here leaves a space in a term.
        listed = str(JAnalyzerUtils.analyze(analyzer, text).toString())[1:-1]
        return listed.split(", ") if listed else []

    return terms


def class_rows() -> Iterator[str]:
    """The table of classes: each code point is of the class whose representative it behaves like in every probe.

    Raises:
        AssertionError: the probes do not tell two classes apart, or a code point behaves like none.
    """
    from jnius import autoclass

    no_stop_words = autoclass("org.apache.lucene.analysis.CharArraySet").EMPTY_SET
    analyzer = autoclass("org.apache.lucene.analysis.standard.StandardAnalyzer")(no_stop_words)
    words = terms_function(analyzer)  # StandardTokenizer and lower-casing alone

    def behaviours(characters: Sequence[str]) -> list[tuple[tuple[int, ...], ...]]:
        by_probe = []
        for probe in PROBES:
            found = in_blocks(words, [probe.format(character) for character in characters])
            by_probe.append([tuple(map(len, lengths)) for lengths in found])
        return list(zip(*by_probe, strict=True))

    class_of = dict(zip(behaviours(list(REPRESENTATIVES.values())), REPRESENTATIVES, strict=True))
    assert len(class_of) == len(REPRESENTATIVES), "the probes do not tell all classes apart"
    characters = code_points()
    classes = [class_of.get(behaviour, "?") for behaviour in behaviours(characters)]
    assert "?" not in classes, f"{characters[classes.index('?')]!r} behaves like no class"
    yield "# first\tlast\tclass: made by tests/retrieval_bench/make_analysis_fixtures.py from what Lucene does\n"
    # Consecutive code points differ from their position in the sequence by the same number.
    rows = ((ord(character), name) for character, name in zip(characters, classes, strict=True) if name != "none")
    for (_, name), group in groupby(enumerate(rows), key=lambda item: (item[1][0] - item[0], item[1][1])):
        codes = [code for _, (code, _) in group]
        yield f"{codes[0]:04X}\t{codes[-1]:04X}\t{name}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("tokens", "classes"))
    what = parser.parse_args().what
    terms = lucene_english_terms()
    if what == "classes":
        CLASSES_PATH.write_text("".join(class_rows()), "utf-8")
        return
    CASES_PATH.write_text("".join(case_rows(terms)), "utf-8")
    STREAMS_PATH.write_text(json.dumps(streams(terms), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
