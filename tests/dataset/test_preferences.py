"""Preference pairs: from what people judged, and from the model's own answers, judged by the verifier."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from core.errors import DataError
from core.settings import IndexSettings
from dataset import preferences
from dataset.edits import EDITS, edited
from dataset.faults import MIRRORED, WEIGHTS, faults, worst
from dataset.judged_pairs import feedback_pairs, file_pairs
from dataset.pair_maker import balanced, mirrored_pairs, sampled_pairs
from dataset.sampling import sampled
from dataset.verifier_reward import reward
from generator.prompt import REFUSAL, Source
from generator.tuning.pairs import Pair, read_pairs
from generator.tuning.rows import Row
from index.opening import open_index
from rag.answerer import Answerer, answer_chain
from rag.feedback import Feedback, give, given
from rag.receipt import receipt
from rag.search.retriever import IndexRetriever
from tests.conftest import index_rows, queue_llm
from tests.fakes import ROWS
from tests.rag.test_answerer import GOOD, QUESTION

SOURCES = (
    Source("What is gout?", "Gout is a form of arthritis. It lasts 10 days. Uric acid causes it. Rest helps a joint."),
    Source("What causes acne?", "Acne forms when follicles are clogged with oil and with cells."),
)
REFERENCE = "Gout is a form of arthritis [1]. It lasts 10 days [1]. Uric acid causes it [1]."
ROW = Row("g", "what is gout", "plain", "gout", "information", SOURCES, (1,), REFERENCE)
SILENT = Row("g", "is gout seen in dogs", "plain", "gout", "information", SOURCES, (), REFUSAL)


class Words:
    """A judge that asks for every content word of a sentence."""

    supported, weak = 0.99, 0.4

    def support(self, claim: str, quote: str, heading: str, text: str) -> float:
        from core.text.words import content_words

        said = set(content_words(claim))
        return len(said & set(content_words(f"{heading} {text}"))) / max(len(said), 1)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        (REFERENCE, ""),
        (REFUSAL, "refused with evidence"),
        (REFERENCE.replace("10 days", "30 days"), "invented number"),
        ("Gout is a form of arthritis [1]. Penguins cure gout overnight [1]. Uric acid causes it [1].", "unsupported"),
        (REFERENCE.replace("arthritis [1]", "arthritis [2]"), "wrong marker"),
        (REFERENCE.replace(" [1]. It", ". It"), "missing marker"),
        ("It lasts 10 days [1]. Uric acid causes it [1]. Gout is a form of arthritis [1].", "late answer"),
        ("Gout is a form of arthritis [1].", "incomplete"),
        (REFERENCE.removesuffix(" causes it [1]."), "cut short"),
        ("Acne forms when follicles are clogged with oil [2].", "another illness"),
    ],
)
def test_each_kind_of_fault_is_found(written: str, kind: str) -> None:
    found = faults(ROW, written, Words())
    assert (kind in found) if kind else found == {}
    if kind == "invented number":
        assert worst(found) == kind


def test_an_answer_to_what_no_passage_tells_is_the_worst() -> None:
    assert faults(SILENT, REFERENCE, Words()) == {"answered without evidence": 1.0}
    assert faults(SILENT, REFUSAL, Words()) == {}


@pytest.mark.parametrize("kind", [*EDITS, "cut short"])
def test_an_edit_has_the_fault_that_it_was_given_and_little_else(kind: str) -> None:
    made = edited(ROW, kind, random.Random(2))
    assert made not in ("", REFERENCE)
    assert kind in faults(ROW, made, Words())
    if kind in ("invented number", "wrong marker", "missing marker"):
        assert abs(len(made.split()) - len(REFERENCE.split())) <= 1


def test_a_sampled_answer_stands_against_the_right_one_of_like_length() -> None:
    short = "Gout is a form of arthritis [1]. It lasts 10 days [1]."
    texts = [short, "Gout is a form of arthritis [1]. Penguins cure it [1].", REFERENCE, REFERENCE]
    (pair,) = sampled_pairs(ROW, texts, Words())
    assert (pair.kind, pair.chosen, pair.made) == ("unsupported", short, "sampled")
    assert sampled_pairs(ROW, [REFERENCE], Words()) == []


def test_kinds_are_balanced_and_refusals_mirrored() -> None:
    rng = random.Random(0)
    mirrored = mirrored_pairs([ROW, SILENT], rng)
    assert [(pair.kind, pair.chosen == REFUSAL) for pair in mirrored] == [(MIRRORED[0], True), (MIRRORED[1], False)]
    assert {pair.sources for pair in mirrored} == {SOURCES}

    def pair(n: int, kind: str, severity: float, made: str = "sampled") -> Pair:
        return Pair(f"q{n}", SOURCES, "a", "b", kind, severity, f"{n}", "t", made)

    many = [pair(n, "unsupported", 0.1 + n / 100) for n in range(40)]
    few = [pair(100 + n, "cut short", 0.4, "edited") for n in range(5)]
    kept = balanced([*many, *few, *mirrored], 12, rng)
    kinds = [each.kind for each in kept]
    assert kinds.count("unsupported") == kinds.count("cut short") == 3
    assert kinds.count(MIRRORED[0]) == kinds.count(MIRRORED[1]) == 1
    assert min(each.severity for each in kept if each.kind == "unsupported") >= 0.3  # the severest half
    assert sum(each.question == "q0" for each in balanced([pair(0, f"k{n}", 1.0) for n in range(20)], 0, rng)) == 4


def test_samples_are_kept_and_the_next_run_asks_for_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataset.sampling.SAMPLES", tmp_path)
    asked = []

    def sample(row: Row, seed: int) -> list[str]:
        asked.append((row.question, seed))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return [f"{row.question} {seed}"]

    with pytest.raises(KeyboardInterrupt):
        sampled([ROW, SILENT], {"model": "m"}, 3, lambda: sample)
    first = sampled([ROW, SILENT], {"model": "m"}, 3, lambda: sample)
    assert [question for question, _ in asked] == [ROW.question, SILENT.question, SILENT.question]
    assert asked[1] == asked[2]  # the seed is the prompt's own
    assert sampled([ROW, SILENT], {"model": "m"}, 3, lambda: pytest.fail("nothing is missing")) == first


def test_rewards_order_answers() -> None:
    best, part, lies = (
        reward(ROW, text, Words())
        for text in (REFERENCE, "Gout is a form of arthritis [1].", "Penguins cure gout overnight [1].")
    )
    assert best > part > lies
    assert reward(SILENT, REFUSAL, Words()) == 1.0
    assert reward(ROW, REFUSAL, Words()) == reward(SILENT, REFERENCE, Words()) == -1.0


@pytest.fixture
def judged(retriever: IndexRetriever) -> list[Feedback]:
    texts = (GOOD, "Measles comes from cold feet [1].")
    good, bad = (answer_chain(Answerer(retriever, queue_llm(text))).invoke(QUESTION) for text in texts)
    return [
        Feedback(receipt(good), True),
        Feedback(receipt(bad), False, "not supported", "Measles is contagious [1]."),
    ]


def test_what_people_judged_gives_pairs_over_the_same_passages(
    judged: list[Feedback], retriever: IndexRetriever
) -> None:
    found = feedback_pairs(judged, retriever.index)
    assert {pair.chosen for pair in found.pairs} == {GOOD, "Measles is contagious [1]."}
    assert {(pair.kind, pair.made) for pair in found.pairs} == {("not supported", "feedback")}
    assert not any(found.left_out.values())
    assert feedback_pairs(judged[:1], retriever.index).left_out["without a counterpart"] == 1


@pytest.mark.usefixtures("word_embedder")
def test_judgements_over_deleted_passages_are_left_out(judged: list[Feedback], tmp_path: Path) -> None:
    deleted = judged[0].receipt.answer.evidence[0].question
    left = [row[:2] for row in ROWS if row[0] != deleted]
    assert len(left) == len(ROWS) - 1
    found = feedback_pairs(judged, index_rows(tmp_path, left))
    assert found.pairs == ()
    assert found.left_out["over passages that the index lacks"] == 2


def test_a_file_of_pairs_names_passages_of_the_index(small_index: IndexSettings, tmp_path: Path) -> None:
    index = open_index(Path(small_index.dir))
    known = next(iter(index.by_id))
    path = tmp_path / "mine.jsonl"

    def written(**changes: Any) -> Path:
        entry = {"question": "q", "passages": [known], "chosen": "a", "rejected": "b", **changes}
        path.write_text(json.dumps(entry) + "\n")
        return path

    (pair,) = file_pairs(written(), index)
    assert (pair.question, pair.made, pair.sources[0].text) == ("q", "file", index.by_id[known].text)
    with pytest.raises(DataError, match=r"mine\.jsonl, line 1 names the passages nowhere-0, which the index lacks"):
        file_pairs(written(passages=["nowhere-0", known]), index)
    with pytest.raises(DataError, match="line 1: chosen and rejected are the same answer"):
        file_pairs(written(rejected="a "), index)


def test_the_command_makes_the_same_pairs_twice_and_shows_them(
    rows_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rag.opening.open_judge", lambda settings: Words())
    hashes = []
    for name in ("one", "two"):
        given = ["--rows", str(rows_folder), "--only", "model", "--prompts", "0", "--to", str(tmp_path / name)]
        assert preferences.main(given) == 0
        hashes.append(json.loads((tmp_path / name / "pairs.json").read_text())["data_sha256"])
    assert hashes[0] == hashes[1]
    printed = capsys.readouterr().out
    assert "rejected because" in printed
    sides = [{pair.topic for pair in read_pairs(tmp_path / "one", split)} for split in ("train", "test")]
    assert all(sides)
    assert not sides[0] & sides[1]
    assert {pair.kind for pair in read_pairs(tmp_path / "one", "train")} <= WEIGHTS.keys()
    assert preferences.main(["--to", str(tmp_path / "one"), "--show", "2"]) == 0
    assert capsys.readouterr().out.count("worse:") == 2


def test_nothing_to_learn_from(small_index: IndexSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["--only", "feedback", "--history", "none.sqlite", "--index", small_index.dir, "--to", "pairs"]
    with pytest.raises(DataError, match=r"no pair was made: .* or a file of pairs \(--pairs F\)"):
        preferences.main(given)


def test_from_feedback_to_an_adapter_that_answers(
    retriever: IndexRetriever,
    small_index: IndexSettings,
    tiny_qwen: Path,
    tiny_adapter: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The whole walk of docs/fine-tuning.md over a tiny model: judged in the history, paired, trained on, loaded."""
    from core.settings import GeneratorSettings
    from dataset import align
    from generator.adapters import prepare_tuned
    from generator.llm import QwenChat

    monkeypatch.chdir(tmp_path)
    history = tmp_path / "history.sqlite"
    for number in range(9):
        bad = answer_chain(Answerer(retriever, queue_llm(f"Measles comes from {number} cold feet [1]."))).invoke(
            QUESTION
        )
        give(
            history, bad, good=False, reason="not supported", better="Measles is contagious [1]." if not number else ""
        )
    assert len(given(history)) == 9
    words = ["--only", "feedback", "--history", str(history), "--index", small_index.dir, "--to", "pairs"]
    assert preferences.main(words) == 0
    recipe = {
        "base.model": str(tiny_qwen),
        "base.adapter": str(tiny_adapter),
        "data.dir": "pairs",
        "lora.r": "2",
        "lora.alpha": "8",
        "train.epochs": "2",
        "train.learning_rate": "0.02",
    }
    given_words = [word for key, value in recipe.items() for word in ("--set", f"{key}={value}")]
    assert align.main(["--method", "dpo", "--to", "run", *given_words]) == 0
    settings = GeneratorSettings(
        model=str(tiny_qwen), adapter="run", cache=str(tmp_path / "models"), engine="transformers", max_new_tokens=4
    )
    _, adapter = prepare_tuned(settings)
    assert adapter is not None
    assert adapter.name == "run"
    llm = QwenChat.from_settings(settings)
    assert llm.engine.identity["adapter"] == adapter.identity
    answer = answer_chain(Answerer(retriever, llm)).invoke(QUESTION)
    assert answer.finished
