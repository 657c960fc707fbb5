import json
import random
from pathlib import Path

import numpy as np
import pytest

from core import precision
from core.errors import DataError, WeightsError
from core.settings import IndexSettings
from core.text.aspects import aspect, topic
from core.training_run import begin_run
from index.build import build
from index.corpus import Record, read_corpus
from index.embedders import adapter_identity, load_embedder, load_question_embedder
from index.embedders.weights import adapted_weights
from index.opening import open_index
from index.topics import record_topic
from index.tune import tune
from index.tuning.question_forms import lay_questions, misspelt, topic_names
from index.tuning.training import Corpus, Recipe, held_out_records, split_questions
from tests.conftest import ROOT, index_rows
from tests.fakes import WordEmbedder, write_csv
from tests.products import Products


@pytest.mark.parametrize(
    ("question", "about", "asks"),
    [
        ("What are the symptoms of Gout ?", "Gout", "symptoms"),
        ("How to prevent Lyme Disease ?", "Lyme Disease", "prevention"),
        ("Is Marfan syndrome inherited ?", "Marfan syndrome", "inheritance"),
        ("What causes Back Pain ?", "Back Pain", "causes"),
        ("how do i get rid of acne", "acne", "treatment"),
        ("What is (are) Measles ?", "Measles", "information"),
        ("How many people are affected by gout ?", "gout", "frequency"),
        ("what is it", "what is it", "information"),
    ],
)
def test_topic_and_aspect(question: str, about: str, asks: str) -> None:
    assert topic(question) == about
    assert aspect(question) == asks


def test_a_column_names_the_topic() -> None:
    assert record_topic(Record("1", ("Anything?",), "a", ({"focus": "Gout"},))) == "gout"


ANSWER = "Gout, also known as podagra, is a disease. People have swollen toes, sudden pain and red skin."


def test_lay_questions_do_not_repeat_the_template() -> None:
    record = Record("1", ("What are the symptoms of Gout ?",), ANSWER)
    rng = random.Random(1)
    made = [item for _ in range(50) for item in lay_questions(record, rng)]
    assert {item.kind for item in made} == {"plain", "keywords", "story", "description"}
    assert all(item.question.casefold() != record.question.casefold() for item in made)
    assert all(item.record_id == "1" for item in made)
    assert not any("gout" in item.question for item in made if item.kind == "description")
    assert len({item.question for item in made}) > 60
    assert topic_names(record) == ["gout", "podagra"]


@pytest.mark.parametrize("said", ["Brittle Joint Pain (BJP) is", "Brittle joint pain, also called BJP, is"])
def test_a_topic_is_also_called_by_its_capitals(said: str) -> None:
    record = Record("1", ("What is brittle joint pain?",), f"{said} rare. It is not tuberculosis (TB).")
    assert topic_names(record) == ["brittle joint pain", "bjp"]


def test_a_misspelt_word_has_one_mistake() -> None:
    from rapidfuzz.distance import OSA

    for seed in range(200):
        wrong = misspelt("asthma", random.Random(seed))
        assert OSA.distance("asthma", wrong) <= 1
        assert (wrong[0], wrong[-1]) == ("a", "a") or len(wrong) == 6


@pytest.fixture
def topics(tmp_path: Path, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch) -> IndexSettings:
    monkeypatch.setattr("index.tune.load_embedder", lambda *_: word_embedder)
    names = [f"{first}{last}osis" for first in ("ard", "bel", "cor", "dun", "elm", "fen") for last in "aeiou"]
    rows = [
        (
            f"What {ask} {name} ?",
            f"{name} {say}. It is felt in the {name[:3]} region, at night and in {name[3:]} weather.",
        )
        for name in names
        for ask, say in (("are the symptoms of", "hurts"), ("causes", "comes from rust"))
    ]
    settings = IndexSettings(csv=str(write_csv(tmp_path / "t.csv", rows)), dir=str(tmp_path / "i"))
    build(settings)
    return settings


def test_no_topic_is_on_two_sides_and_held_out_ones_are_on_none(
    topics: IndexSettings, word_embedder: WordEmbedder
) -> None:
    index = open_index(Path(topics.dir))
    one = next(iter(index.records))
    out = held_out_records(index, {one})
    assert len(out) == 2  # both records of the topic
    split = split_questions(index, word_embedder, [], out, Recipe(questions_per_record=4))
    sides = [
        {record_topic(index.records[item.record_id]) for item in side} for side in (split.train, split.development)
    ]
    assert sides[0].isdisjoint(sides[1])
    assert record_topic(index.records[one]) not in sides[0] | sides[1]
    again = split_questions(index, word_embedder, [], out, Recipe(questions_per_record=4))
    assert again.sha256 == split.sha256


def test_every_vector_keeps_its_record_where_an_answer_has_several_questions(
    tmp_path: Path, word_embedder: WordEmbedder
) -> None:
    shared = "It is passed on by parents."
    rows = [["Is gout inherited?", shared], ["Is asthma inherited?", shared], ["What is measles?", "A disease."]]
    index = index_rows(tmp_path, rows)
    measles = next(key for key, record in index.records.items() if record.question == "What is measles?")
    corpus = Corpus(index, frozenset())
    assert len(corpus.vectors) == 3
    best = (corpus.vectors.numpy() @ word_embedder.embed(["What is measles?\nA disease."])[0]).argmax()
    assert int(corpus.record[best]) == corpus.record_row[measles]
    assert len(Corpus(index, frozenset({measles})).vectors) == 2


def test_too_few_rows_are_refused(tmp_path: Path, topics: IndexSettings) -> None:
    small = IndexSettings(csv=str(write_csv(tmp_path / "five.csv", [["What is it?", "It is."]] * 5)), dir=topics.dir)
    with pytest.raises(
        DataError, match=r"gives \d+ questions to train on, at least 200 are needed; search it as it is"
    ):
        tune(small, tmp_path / "adapter", {})
    assert not (tmp_path / "adapter").exists()


def test_resuming_another_training_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "a.run"
    with pytest.raises(DataError, match="no checkpoint in .* to resume from"):
        begin_run(run, {"csv": "a"}, resume=True)
    begin_run(run, {"csv": "a", "recipe": 1}, resume=False)
    (run / "checkpoint-3").mkdir()
    begin_run(run, {"csv": "a", "recipe": 1}, resume=True)
    with pytest.raises(DataError, match="was trained with other recipe .now 2, then 1.; to start again"):
        begin_run(run, {"csv": "a", "recipe": 2}, resume=True)


def test_unknown_and_damaged_adapters(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match="no adapter 'nowhere'; known by name: .*; or give a folder made by citewell tune"
    ):
        adapter_identity(IndexSettings(adapter="nowhere"))
    (tmp_path / "half").mkdir()
    with pytest.raises(WeightsError, match="adapter_model.safetensors is missing; the adapter is not whole"):
        adapter_identity(IndexSettings(adapter=str(tmp_path / "half")))


@pytest.mark.weights
def test_a_tuned_adapter_finds_better_and_moves_only_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_torch_has_bf16", lambda: False)  # as on a processor without
    corpus = read_corpus(ROOT / "data/health_qa.csv")
    rows = [(record.question, record.answer) for record in corpus.records]
    settings = IndexSettings(
        csv=str(write_csv(tmp_path / "h.csv", rows)),
        dir=str(tmp_path / "i"),
        cache=str(ROOT / "artifacts/embedders"),
    )
    recipe = {"scale": 1.0, "epochs": 1.0, "questions_per_record": 2, "batch_size": 8}
    with Products() as products:
        facts = tune(settings, tmp_path / "mine", recipe)
    assert products.all > 1000
    assert products.in_bf16 == []
    assert (tmp_path / "mine/curve.png").stat().st_size > 5000
    assert not (tmp_path / "mine.run").exists()
    losses = [entry["loss"] for entry in facts["log"] if "loss" in entry]
    ranks = [entry["development_mrr10"] for entry in facts["log"] if "development_mrr10" in entry]
    assert len(losses) >= 3
    assert max(ranks[1:]) >= ranks[0]

    import dataclasses

    adapted = dataclasses.replace(settings, adapter=str(tmp_path / "mine"), cache=str(tmp_path / "cache"))
    passages = load_embedder(settings)
    questions = load_question_embedder(adapted, passages)
    assert passages.identity in questions.identity or questions.identity.startswith("all-MiniLM-L6-v2+mine@")
    moved = (passages.embed(["why does my toe hurt"]) * questions.embed(["why does my toe hurt"])).sum()
    assert 0.5 < moved < 0.9999
    assert np.isclose(np.linalg.norm(questions.embed(["a cold"])), 1, atol=1e-3)

    file = tmp_path / "mine/tuned.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "base_sha256": "0" * 64}))
    with pytest.raises(WeightsError, match="trained over weights 000000000000…, the embedder all-MiniLM-L6-v2 has"):
        adapted_weights(adapted)
