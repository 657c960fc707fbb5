"""Verdicts: true sentences from false ones, by the real embedder, and each hard check by itself."""

import json
import re
from pathlib import Path

import pytest

from core.errors import DataError
from core.files import read_jsonl
from core.text.claims import negated, negation_differs, number_differs, numbers
from evaluation import verdicts
from evaluation.verdicts import PAIRS
from rag.answer import NumberedSource
from rag.answerer import Answerer, answer_chain
from rag.checks.citations import Draft, SupportJudge, Verifier
from rag.checks.judge import WEIGHTS, rarity_of, read_judge
from rag.checks.quoting import QUOTED
from rag.search.retriever import IndexRetriever
from tests.conftest import queue_llm
from tests.rag.test_answerer import QUESTION, reading

TEXT = (
    "Attacks of gout are treated with colchicine. Colchicine is taken as 1.2 mg at the first sign of an attack. "
    "Ice on the joint eases the pain."
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is taken as 1.2 mg twice a day.", [("1.2", "mg"), ("2", "time")]),
        ("Twelve weeks, 1,000 units", [("12", "week"), ("1000", "unit")]),
        ("5% of people", [("5", "percent")]),
        ("One should rest for one week.", [("1", "week")]),
        ("No number here.", []),
    ],
)
def test_numbers_are_read_with_what_they_count(text: str, found: list[tuple[str, str]]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("claim", "said", "differs"),
    [
        ("Take 12 mg.", "Take 1.2 mg.", True),
        ("It lasts two days.", "It lasts 2 days.", False),
        ("It lasts 3 days.", "It lasts 3 weeks, and 5 days in children.", True),
        ("It lasts 3 days.", "It lasts 3 weeks.", True),
        ("Take 20 ml of it.", "Doctors give 20 mg of it.", True),
        ("Take 20 milligrams of it.", "Doctors give 20 mg of it.", False),
        ("Take 3 g of it.", "Doctors give 3 mg of it.", True),
        ("Take 20 tablets.", "Take 20 pills.", False),
        ("Take it twice a day.", "It is taken two times daily.", False),
        ("It is used twice, two days apart.", "It is used twice, nine days apart.", True),
        ("They lack vitamin C.", "They lack vitamin B12.", True),
        ("Hepatitis B is spread by blood.", "Hepatitis B is spread by blood.", False),
        ("About 5 percent die.", "About 5% die.", False),
    ],
)
def test_a_number_that_is_not_there_or_counts_something_else(claim: str, said: str, differs: bool) -> None:
    assert number_differs(claim, said) is differs


@pytest.mark.parametrize(
    ("claim", "said", "differs"),
    [
        ("Honey does not ease a cough.", "Honey eases a cough, but babies must not have it.", True),
        ("Aspirin helps.", "Aspirin doesn't help.", True),
        ("It cannot be digested.", "People have trouble digesting it.", False),
        ("Avoid gluten.", "Eat no gluten.", False),
        ("Use it for no more than a week.", "Use it for a week at most.", False),
        ("Drops prevent it.", "Lost sight does not come back, but drops keep it from getting worse.", False),
    ],
)
def test_what_one_denies_and_the_other_says(claim: str, said: str, differs: bool) -> None:
    assert negation_differs(claim, said) is differs


def test_a_negation_reaches_three_content_words_of_its_clause() -> None:
    assert negated("It does not ease the pain, and ice helps.", soft=False) == {"eas", "pain"}


@pytest.mark.weights
@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("Attacks of gout are treated with colchicine.", "supported"),
        ("Putting ice on the joint makes the pain better.", "supported"),
        ("Colchicine is taken as 12 mg at the first sign of an attack.", "unsupported"),
        ("Ice on the joint does not ease the pain.", "unsupported"),
        ("Garlic heals it within days.", "unsupported"),
    ],
)
def test_verdicts_of_sentences(page_judge: SupportJudge, sentence: str, verdict: str) -> None:
    source = NumberedSource(1, "How are attacks of gout treated?", TEXT)
    _, (found,) = Verifier([source], page_judge).verify([Draft("", sentence, (1,))])
    assert found.verdict == verdict
    assert bool(found.citations) is (verdict != "unsupported")


@pytest.mark.weights
def test_the_set_is_large_enough_and_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """The weights were fitted to this set among others; what they come to unseen stands beside them."""
    pairs = read_jsonl(PAIRS, "heading", "evidence", "sentence", "kind")
    assert len(pairs) >= 300
    assert verdicts.main(["measure"]) == 0
    printed = capsys.readouterr().out
    fitted = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    by_itself, with_network = printed.split("with network")
    for name, part, least in (("by_itself", by_itself, 0.93), ("with_network", with_network, 0.97)):
        assert float(re.findall(r"AUROC ([\d.]+)", part)[0]) >= least
        assert fitted[name]["measured"]["auroc"] >= least
        assert _caught(part, "number") >= 0.98
        assert _caught(part, "negated") >= 0.85


def test_claims_of_half_of_the_questions_are_kept_for_measuring(tmp_path: Path) -> None:
    rows = [
        {"question": f"q{n}", "answer": "Rest.", "claim": f"One rests {n}.", "label": "Entailment"} for n in range(40)
    ]
    file = tmp_path / "claims.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    measured, fitted = (list(verdicts.of_claims(file, measured=side)) for side in (True, False))
    assert 10 < len(measured) < 30
    assert all(each.true for each in (*measured, *fitted))
    assert {each.sentence for each in measured}.isdisjoint(each.sentence for each in fitted)
    assert len(measured) + len(fitted) == 40


def _caught(printed: str, kind: str) -> float:
    """Share of a kind's sentences that this run did not call supported."""
    (line,) = re.findall(rf"^  {kind} +(\d.*)$", printed, re.M)
    counts = {name: int(count) for count, name in re.findall(r"(\d+) (\w+)", line)}
    return 1 - counts.get("supported", 0) / sum(counts.values())


def test_an_answer_of_which_too_little_survives_is_quoted_instead(
    retriever: IndexRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    sure = reading(retriever, monkeypatch)
    answer = answer_chain(Answerer(sure, queue_llm("Measles comes from cold feet. Garlic cures it."))).invoke(QUESTION)
    assert answer.notes == (QUOTED,)
    assert {sentence.verdict for sentence in answer.sentences} == {"supported"}
    assert all(
        citation.quote in answer.evidence[citation.n - 1].text for s in answer.sentences for citation in s.citations
    )
    assert answer.generated.startswith("Measles comes from cold feet.")


def test_rarity_is_a_place_in_the_vocabulary(tmp_path: Path) -> None:
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join(f"word{n}" for n in range(30000)))
    rarity = rarity_of(vocabulary)
    assert rarity("word10") == 0.0
    assert 0 < rarity("word5000") < rarity("word20000") < 1
    assert rarity("Insulin") == 1.0


def test_damaged_weights_are_told(tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text('{"weights": {}}')
    (tmp_path / "vocab.txt").write_text("a\n")
    with pytest.raises(DataError, match="damaged.*citewell evaluate verdicts fit"):
        read_judge(lambda *_: [], tmp_path / "vocab.txt", weights=tmp_path / "w.json")


def test_without_a_judge_words_decide(retriever: IndexRetriever) -> None:
    answer = answer_chain(Answerer(retriever, queue_llm("Measles is a very contagious disease [1]."))).invoke(QUESTION)
    assert [sentence.verdict for sentence in answer.sentences] == ["supported"]
