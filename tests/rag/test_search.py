import dataclasses
from pathlib import Path

import numpy as np
import pytest

from core.errors import IndexFolderError, QuestionError
from core.settings import IndexSettings, RagSettings
from index.build import build
from index.opening import open_index
from index.ranking import NEVER_FITTED, Answerability
from index.reader import Index
from rag.answerer import BY_WORDS, Answerer, answer_chain
from rag.search.answerable import NEAR_ALL, SIGNALS, UNCERTAIN, background, probability
from rag.search.query import understand
from rag.search.retriever import IndexRetriever
from rag.search.stages import duplicate_of, fuse, run_stages, shingles
from tests.conftest import index_rows, queue_llm, queue_of
from tests.fakes import ROWS, WordEmbedder, write_csv


def test_fusion_is_the_weighted_sum_of_reciprocal_ranks(retriever: IndexRetriever) -> None:
    index = retriever.index
    query = understand("measles vaccine", index)
    vector = retriever.embedder.embed([query.searched])[0]
    stages = run_stages(index, query, vector)
    weights = {"headed": 1.0, "question": 0.5, "lexical": 2.0}
    ranking = dataclasses.replace(index.ranking, weights=weights, rrf_k=10.0)
    candidates = fuse(index, stages, vector, ranking, query)
    assert len(candidates) == len(index.headed)
    for candidate in candidates:
        due = sum(weights[stage] / (10 + rank) for stage, rank in candidate.ranks.items()) / (3.5 / 11)
        assert candidate.fused == pytest.approx(due)
    assert candidates == sorted(candidates, key=lambda item: -item.fused)
    assert index.questions[candidates[0].question_row][1] == "What is measles?"


def test_signals_beyond_the_fitted_range_count_as_its_end() -> None:
    fitted = Answerability(("a", "file_size"), (0.0, 3.0), (1.0, 1.0), (1.0, -2.0), 0.0, 0.5, 0.1)
    model = dataclasses.replace(fitted, low=(-1.0, 2.0), high=(1.0, 4.0))
    at_end = probability(model, np.array([0.5, 2.0]))
    assert probability(model, np.array([0.5, 1.0])) == at_end == pytest.approx(1 / (1 + np.exp(-2.5)))
    assert probability(model, np.array([9.0, 9.0])) == probability(model, np.array([1.0, 4.0]))
    assert probability(fitted, np.array([0.5, 1.0])) > at_end


def test_a_search_is_never_certain_where_all_texts_are_near(
    retriever: IndexRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = dataclasses.replace(retriever.index.ranking.answerability, signals=("headed",), threshold=0.5)
    ranking = dataclasses.replace(retriever.index.ranking, answerability=fitted)
    one = retriever.model_copy(update={"index": dataclasses.replace(retriever.index, ranking=ranking)})
    monkeypatch.setattr("rag.search.retriever.probability", lambda *_: 0.99)
    monkeypatch.setattr("rag.search.retriever.background", lambda *_: NEAR_ALL)
    assert one.search("what is gout").answerable == UNCERTAIN
    monkeypatch.setattr("rag.search.retriever.background", lambda *_: NEAR_ALL - 0.01)
    assert one.search("what is gout").answerable == 0.99


def test_the_background_is_the_median_cosine_to_the_questions_of_the_file(retriever: IndexRetriever) -> None:
    vector = retriever.embedder.embed(["What is gout?"])[0]
    vectors = retriever.embedder.embed([question for _, question in retriever.index.questions])
    assert background(retriever.index, vector) == pytest.approx(float(np.median(vectors @ vector)), abs=1e-6)


def test_topics_and_aspects_that_agree_gain(retriever: IndexRetriever) -> None:
    index = retriever.index
    query = understand("what causes acne", index)
    assert query.aspect == "causes"
    vector = retriever.embedder.embed([query.searched])[0]
    stages = run_stages(index, query, vector)
    plain = {item.question_row: item.fused for item in fuse(index, stages, vector, index.ranking, query)}
    ranking = dataclasses.replace(index.ranking, topic_votes=1.0, aspect_match=0.5)
    gained = fuse(index, stages, vector, ranking, query)
    assert index.topics[gained[0].question_row] == ("acne", "causes")
    assert gained[0].fused == pytest.approx(plain[gained[0].question_row])  # all gains, over all gains that there are
    for candidate in gained[1:]:
        assert candidate.fused < plain[candidate.question_row]


def test_what_only_one_stage_finds_is_a_candidate_with_its_best_passage(retriever: IndexRetriever) -> None:
    index = retriever.index
    query = understand("measles vaccine", index)
    vector = retriever.embedder.embed([query.searched])[0]
    stages = dataclasses.replace(run_stages(index, query, vector), headed=(), lexical=())
    candidates = fuse(index, stages, vector, index.ranking, query)
    assert {tuple(candidate.ranks) for candidate in candidates} == {("question",)}
    for candidate in candidates:
        assert candidate.scores["headed"] == pytest.approx(
            float(index.vectors.reconstruct_batch(np.array([candidate.vector_row]))[0] @ vector), abs=1e-3
        )


def test_an_answer_of_two_questions_is_found_under_the_one_that_is_asked(
    tmp_path: Path, word_embedder: WordEmbedder
) -> None:
    rows = [
        ["Is gout inherited?", "It is passed on by parents."],
        ["Is asthma inherited?", "It is passed on by parents."],
    ]
    index = index_rows(tmp_path, rows)
    assert (len(index.records), len(index.passages), len(index.headed), len(index.questions)) == (1, 1, 2, 2)
    retriever = IndexRetriever(index=index, embedder=word_embedder)
    found = retriever.search("asthma inherited")
    assert [hit.question for hit in found.hits] == ["Is asthma inherited?"]
    assert "same text as" in found.dropped[0].reason


def test_filters(retriever: IndexRetriever) -> None:
    found = retriever.search("what causes acne", filters={"source": "Skin"})
    assert [hit.source for hit in found.hits] == ["skin"]
    assert {len(found.hits), len(found.dropped)} == {1, 0}
    with pytest.raises(QuestionError, match=r"no record of small.csv has source = moon; leave the filter out"):
        retriever.search("measles", filters={"source": "moon"})


def test_near_duplicates_collapse() -> None:
    text = "the quick brown fox jumps over the lazy dog and then runs far away from here"
    assert duplicate_of(shingles(text + " now"), [shingles("something else"), shingles(text)]) == 1
    assert duplicate_of(shingles("the quick brown cat sleeps"), [shingles(text)]) is None
    assert duplicate_of(shingles("Hi"), [shingles("hi")]) == 0


def fitted(signal: str, coefficient: float, threshold: float) -> Answerability:
    coefficients = [coefficient if name == signal else 0.0 for name in SIGNALS]
    zeros, ones = (0.0,) * len(SIGNALS), (1.0,) * len(SIGNALS)
    return Answerability(SIGNALS, zeros, ones, tuple(coefficients), 0.0, threshold, 0.0)


def judging(retriever: IndexRetriever, model: Answerability) -> IndexRetriever:
    ranking = dataclasses.replace(retriever.index.ranking, answerability=model)
    return retriever.model_copy(update={"index": dataclasses.replace(retriever.index, ranking=ranking)})


def test_the_probability_is_the_logistic_function_of_the_scaled_signals() -> None:
    values = np.zeros(len(SIGNALS))
    values[SIGNALS.index("coverage")] = 0.5
    assert probability(fitted("coverage", 2.0, 0.0), values) == pytest.approx(1 / (1 + np.exp(-1)))
    assert probability(Answerability((), (), (), (), 0.0, 0.5, 0.0), values) == 1.0


def test_below_the_threshold_the_chain_abstains_and_offers_the_closest_questions(retriever: IndexRetriever) -> None:
    from rag.finishing import NOT_FOUND

    far_too = retriever.model_copy(update={"settings": RagSettings(min_score=-1.0)})
    strict = judging(far_too, fitted("coverage", 8.0, 0.9))
    llm = queue_llm()
    answer = answer_chain(Answerer(strict, llm)).invoke("measles on the moon with aliens")
    assert answer.abstained
    assert answer.text == NOT_FOUND
    assert answer.answerable < 0.9
    assert answer.closest[0] == "What is measles?"
    assert 1 <= len(answer.closest) <= 3
    assert any("the file is unlikely to hold an answer" in each.reason for each in answer.dropped)
    assert queue_of(llm).asked == []
    assert strict.search("is measles a contagious disease").hits
    lenient = strict.model_copy(update={"settings": RagSettings(abstain=False)})
    assert not lenient.search("measles on the moon with aliens").abstain


@pytest.mark.parametrize("question", ["what is it", "the of and to in", "?a?"])
def test_a_question_of_only_stop_words_is_searched_without_failing(retriever: IndexRetriever, question: str) -> None:
    found = retriever.find(retriever.read(question))
    assert found.stages.lexical == ()
    assert np.isfinite(found.signals).all()


def test_an_index_for_another_adapter_is_refused(small_index: IndexSettings, word_embedder: WordEmbedder) -> None:
    with pytest.raises(IndexFolderError, match=r"built for the adapter none, the settings name mine@1; build it again"):
        IndexRetriever(index=open_index(Path(small_index.dir)), embedder=word_embedder, adapter="mine@1")


def test_rows_of_vectors_know_their_passage_and_question(small_index: IndexSettings) -> None:
    index: Index = open_index(Path(small_index.dir))
    assert len(index.questions) == len(ROWS)
    for row, (passage_row, question_row) in enumerate(index.headed):
        assert index.passages[passage_row].record_id == index.questions[question_row][0].id
        assert row in index.vectors_of(question_row)


def test_without_vectors_the_words_alone_are_searched(retriever: IndexRetriever) -> None:
    by_words = retriever.model_copy(update={"index": retriever.index.without_vectors()})
    assert not by_words.index.embedded
    found = by_words.search("which vaccine prevents measles")
    assert [hit.question for hit in found.hits] == ["What is measles?"]
    assert found.hits[0].ranks == {"lexical": 1}
    assert "headed" not in found.hits[0].scores
    assert found.hits[0].score == pytest.approx(1)
    assert by_words.search("zorb").hits == ()


def test_without_vectors_the_passage_with_the_most_telling_words_is_shown(
    tmp_path: Path, word_embedder: WordEmbedder
) -> None:
    first = "Gout is a form of arthritis. " * 6
    second = "Colchicine eases an attack of gout. " * 6
    settings = IndexSettings(
        csv=str(write_csv(tmp_path / "f.csv", [["What is gout?", first + second], *[row[:2] for row in ROWS[1:]]])),
        dir=str(tmp_path / "i"),
        passage_tokens=45,
    )
    build(settings)
    index = open_index(Path(settings.dir)).without_vectors()
    retriever = IndexRetriever(index=index, embedder=word_embedder, settings=RagSettings(k=1))
    assert "Colchicine" in retriever.search("does colchicine help with gout").hits[0].text
    assert retriever.search("is gout arthritis").hits[0].start == 0


def test_without_vectors_an_answer_says_so_and_the_bar_is_that_of_words(retriever: IndexRetriever) -> None:
    bar = dataclasses.replace(
        NEVER_FITTED, signals=("headed_cosine",), mean=(0.0,) * 13, scale=(1.0,) * 13, coefficients=(0.0,) * 13
    )
    strict = dataclasses.replace(bar, intercept=-9.0, threshold=0.5)
    ranking = dataclasses.replace(retriever.index.ranking, answerability_by_words=strict)
    index = dataclasses.replace(retriever.index, ranking=ranking)
    complete = retriever.model_copy(update={"index": index})
    by_words = retriever.model_copy(update={"index": index.without_vectors()})
    question = "which vaccine prevents measles"
    assert complete.search(question).hits
    assert by_words.search(question).abstain
    llm = queue_llm("A vaccine prevents it in 97 percent of people [1].")
    assert BY_WORDS not in answer_chain(Answerer(complete, llm)).invoke(question).notes
    assert BY_WORDS in answer_chain(Answerer(by_words, llm)).invoke(question).notes
    assert answer_chain(Answerer(by_words, llm)).invoke("hello").notes == ()


def test_what_is_no_evidence_is_dropped_with_the_reason(retriever: IndexRetriever, tmp_path: Path) -> None:
    rows = [
        ("How is hepatitis B spread ?", "Hepatitis B is spread by blood."),
        ("How is hepatitis C spread ?", "Hepatitis C is spread by needles that are shared."),
        ("How is hepatitis spread ?", "To find out more, see Hepatitis."),
    ]
    found = retriever.model_copy(update={"index": index_rows(tmp_path, rows)}).search("how is hepatitis C spread")
    assert [hit.question for hit in found.hits] == ["How is hepatitis C spread ?"]
    reasons = {each.hit.question: each.reason for each in found.dropped}
    assert reasons["How is hepatitis B spread ?"] == "it is about another one: hepatitis b"
    assert reasons["How is hepatitis spread ?"] == "it only says where to find more"


def test_an_answer_never_consists_of_where_to_find_more(retriever: IndexRetriever, tmp_path: Path) -> None:
    rows = [("What is gout ?", "Gout is a form of arthritis. To find out more about gout, see Arthritis.")]
    over = retriever.model_copy(update={"index": index_rows(tmp_path, rows)})
    said = "To find out more about gout, see Arthritis [1]."
    assert answer_chain(Answerer(over, queue_llm(said))).invoke("what is gout").abstained
    both = answer_chain(Answerer(over, queue_llm(f"Gout is a form of arthritis [1]. {said}"))).invoke("what is gout")
    assert both.text == "Gout is a form of arthritis. [1]"
