"""The reader: what it reads, in which order, and when the question counts as answered."""

import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import pytest

from core.errors import WeightsError
from core.seals import unsealed
from core.settings import load
from index.embedders.weights import find_weights
from index.ranking import NEVER_FITTED, Answerability
from rag.answer import Hit
from rag.reader.base import pair
from rag.reader.cross_encoder import CrossEncoderReader
from rag.reader.decision import SIGNALS
from rag.reader.folder import CARD, TENSORS, read_folder, write_card
from rag.reader.inputs import CLS, MAX_TOKENS, QUESTION_START, QUESTION_TOKENS, SEP, Pair, batch, row
from rag.reader.opening import open_reader
from rag.reader.reading import CERTAIN, FIRST, read
from rag.search.retriever import IndexRetriever
from tests.fakes import WordReader


def numbers(text: str) -> list[int]:
    """A token for each word: the word's own number."""
    return [int(word) for word in text.split()]


def hits(count: int) -> list[Hit]:
    return [Hit(f"p{n}", f"r{n}", "Q?", f"text {n}") for n in range(count)]


def test_a_row_holds_question_heading_and_whole_sentences() -> None:
    laid = row(Pair("1 2", "3", ("4 5", "6")), numbers)
    assert laid.ids == (CLS, 1, 2, SEP, 3, SEP, 4, 5, 6, SEP)
    assert laid.types == (0, 0, 0, 0, 1, 1, 1, 1, 1, 1)
    assert laid.sentence == (-1, -1, -1, -1, -1, -1, 0, 0, 1, -1)
    assert laid.sentences == 2


def test_a_long_question_keeps_its_beginning_and_its_end() -> None:
    question = " ".join(map(str, range(200, 400)))
    laid = row(Pair(question, "", ("7",)), numbers)
    kept = laid.ids[1 : 1 + QUESTION_TOKENS]
    assert kept[:QUESTION_START] == tuple(range(200, 200 + QUESTION_START))
    assert kept[-1] == 399
    assert laid.ids[1 + QUESTION_TOKENS] == SEP


def test_sentences_without_room_are_not_read() -> None:
    long = " ".join("9" for _ in range(MAX_TOKENS))
    laid = row(Pair("1", "2", ("3", long, "4")), numbers)
    assert len(laid.ids) == MAX_TOKENS
    assert laid.sentences == 2


def test_a_batch_means_the_tokens_of_each_sentence() -> None:
    inputs = batch([row(Pair("1", "2", ("3 4", "5")), numbers), row(Pair("1", "2", ("3",)), numbers)], step=16)
    assert inputs["input_ids"].shape == (2, 16)
    assert inputs["spans"].shape == (2, 2, 16)
    assert inputs["spans"][0].sum(axis=1) == pytest.approx([1, 1])
    assert inputs["spans"][0, 0, 5:7] == pytest.approx([0.5, 0.5])
    assert inputs["spans"][1, 1].sum() == 0
    assert inputs["attention_mask"].sum(axis=1).tolist() == [9, 7]


def test_no_more_is_read_than_is_needed() -> None:
    sure, unsure = WordReader(CERTAIN), WordReader(CERTAIN - 1)
    best, rest = read(sure, "q", hits(20), 12)
    assert (sure.read_at_once, len(best), len(rest)) == ([FIRST], FIRST, 16)
    best, rest = read(unsure, "q", hits(20), 12)
    assert (unsure.read_at_once, len(best), len(rest)) == ([FIRST, 8], 12, 8)
    assert [hit.passage_id for hit in rest] == [f"p{n}" for n in range(12, 20)]
    assert best[0].hit.ranks == {"reader": 1}
    assert best[0].hit.scores == {"reader": CERTAIN - 1}
    assert read(unsure, "q", [], 12) == ([], [])


def test_what_answers_comes_before_what_the_search_liked_best() -> None:
    liked = Hit("a", "a", "What is gout?", "Gout is painful.", score=0.5)
    answers = Hit("b", "b", "Gout", "Cherries help against gout attacks at night.", score=0.4)
    best, _ = read(WordReader(), "do cherries help against gout attacks", [liked, answers], 12)
    assert [each.hit.passage_id for each in best] == ["b", "a"]


def deciding(signal: str, threshold: float) -> Answerability:
    ones = (1.0,) * len(SIGNALS)
    chosen = tuple(float(name == signal) for name in SIGNALS)
    return Answerability(SIGNALS, (0.0,) * len(SIGNALS), ones, chosen, 0.0, threshold, 0.0)


def test_the_reader_decides_in_the_place_of_the_search(
    retriever: IndexRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.search.retriever.NEAR_ALL", 1.0)  # texts of a few words all share the likes of "what is"
    reads = retriever.model_copy(update={"reader": WordReader(), "decision": deciding("best", 0.7)})
    answered = reads.search("what is measles, a contagious disease")
    assert answered.answerable == pytest.approx(1 / (1 + np.exp(-1.0)))
    assert answered.hits[0].question == "What is measles?"
    assert answered.readings[answered.hits[0].passage_id].logit == 1.0
    refused = reads.search("measles on the moon")
    assert refused.abstain
    assert refused.closest[0] == "What is measles?"
    monkeypatch.setattr("rag.search.retriever.background", lambda *_: 1.0)
    foreign = reads.search("what is measles, a contagious disease")
    assert foreign.readings == {}  # it does not know the language either
    monkeypatch.setattr("rag.search.retriever.background", lambda *_: 0.0)
    by_words = reads.model_copy(update={"index": retriever.index.without_vectors()}).search("what is measles")
    assert by_words.readings
    assert by_words.answerable == 1.0  # the search by words decides, which was never fitted here
    only_orders = reads.model_copy(update={"decision": NEVER_FITTED})
    assert only_orders.search("measles on the moon").answerable == retriever.search("measles on the moon").answerable


def test_a_hit_is_read_sentence_by_sentence() -> None:
    read_as = pair("q", Hit("p", "r", "Heading?", "One  sentence here. Another one."))
    assert read_as == Pair("q", "Heading?", ("One sentence here.", "Another one."))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A reader of random weights over the packaged MiniLM."""
    import torch
    from safetensors.torch import save_file

    from rag.reader.network import ReaderNetwork

    torch.manual_seed(0)
    base = find_weights()
    (tmp_path / "mine").mkdir()
    save_file(ReaderNetwork(base.folder).trained(), tmp_path / "mine" / TENSORS)
    write_card(tmp_path / "mine", {"name": "mine", "base_sha256": base.sha256}, deciding("best", 0.5))
    return tmp_path / "mine"


@pytest.mark.weights
def test_a_folder_is_read_alike_alone_and_beside_others(folder: Path, tmp_path: Path) -> None:
    reader, decision = open_reader(load({"rag.reader": str(folder), "index.cache": str(tmp_path / "cache")}))
    assert reader is not None
    assert reader.identity.startswith("mine@")
    assert decision == deciding("best", 0.5)
    some = [Hit("p", "r", "What is gout?", "Gout hurts. It comes at night."), *hits(6)]
    together, alone = reader.read("what is gout", some), reader.read("what is gout", some[:1])
    assert together[0].logit == pytest.approx(alone[0].logit, abs=0.05)  # bf16 rounds by the batch
    assert together[0].sentences == pytest.approx(alone[0].sentences, abs=0.02)
    assert len(together[0].sentences) == 2
    assert 0 < together[0].grade < 3


@pytest.mark.weights
@pytest.mark.parametrize("fault", ["tensors", "card", "base", "absent"])
def test_a_reader_that_cannot_be_had_leaves_the_search_alone(
    folder: Path, fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if fault == "tensors":
        (folder / TENSORS).write_bytes((folder / TENSORS).read_bytes()[:-8])
    elif fault == "card":
        (folder / CARD).write_text("{")
    elif fault == "base":
        card = unsealed((folder / CARD).read_text())
        (folder / CARD).write_text(json.dumps({**card, "base_sha256": "0" * 64}))
    else:
        folder = tmp_path / "none"
    settings = load({"rag.reader": str(folder), "index.cache": str(tmp_path / "cache")})
    with caplog.at_level(logging.WARNING):
        assert open_reader(settings) == (None, NEVER_FITTED)
        assert open_reader(settings) == (None, NEVER_FITTED)
    (message,) = {record.message for record in caplog.records if "the search decides alone" in record.message}
    assert str(folder) in message
    assert len([record for record in caplog.records if "decides alone" in record.message]) == 1


def test_a_card_with_another_bar_is_refused(tmp_path: Path) -> None:
    (tmp_path / TENSORS).write_bytes(b"weights")
    write_card(
        tmp_path,
        {"name": "mine", "base_sha256": "0" * 64},
        Answerability(("a",), (0.0,), (1.0,), (1.0,), 0.0, 0.5, 0.1),
    )
    assert read_folder(tmp_path).decision.threshold == 0.5
    card = (tmp_path / CARD).read_text().replace('"threshold": 0.5', '"threshold": 0.1')
    (tmp_path / CARD).write_text(card)
    with pytest.raises(WeightsError, match="it was changed since it was written"):
        read_folder(tmp_path)


def test_a_card_that_is_not_whole_names_the_next_command(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is no whole reader .*citewell tune reader --to DIR"):
        read_folder(tmp_path)


@pytest.mark.weights
def test_a_users_own_cross_encoder_orders_and_does_not_decide(tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    base = find_weights().folder
    config = AutoConfig.from_pretrained(base, num_labels=1)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path / "ce")
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "ce")
    reader, decision = open_reader(load({"rag.reader": str(tmp_path / "ce")}))
    assert isinstance(reader, CrossEncoderReader)
    assert decision is NEVER_FITTED
    assert [dataclasses.astuple(each)[2] for each in reader.read("what is it", hits(3))] == [(), (), ()]
    assert reader.read("what is it", []) == []
    with pytest.raises(WeightsError, match="is no folder with a cross-encoder .*; leave rag.reader empty to search"):
        CrossEncoderReader.load(str(tmp_path / "none"))
