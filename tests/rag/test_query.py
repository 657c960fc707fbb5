from pathlib import Path

import pytest

from core.files import read_jsonl
from core.settings import Settings
from core.text.language import of_another_language
from core.text.spelling import american
from index.reader import Index
from rag.answer import Note
from rag.opening import open_retriever
from rag.search.query import ABOUT_WHAT, FOREIGN, LONG, nearest_word, understand
from rag.search.retriever import IndexRetriever
from tests.conftest import ROOT, index_rows
from tests.fakes import WordEmbedder

ROWS = [
    ("What is asthma?", "Asthma narrows the airways. Asthma makes breathing hard. A bronchodilator opens airways."),
    ("What are the symptoms of gout?", "Gout makes a joint swell. Arthritis of the toe is typical. Gout hurts."),
    ("How is gout treated?", "Gout is treated with colchicine. Arthritis needs rest. Asthma is something else."),
    ("What is hypertension?", "Hypertension is pressure in the arteries. Hypertension harms the arteries and airways."),
]


@pytest.fixture
def index(tmp_path: Path, word_embedder: WordEmbedder) -> Index:
    return index_rows(tmp_path, ROWS)


def test_a_misspelt_word_is_corrected_and_the_user_told(index: Index) -> None:
    query = understand("what are athsma airwais", index)
    assert query.searched == "what are asthma airways"
    assert query.notes == (
        Note("corrected", "searched for 'asthma' in place of 'athsma'"),
        Note("corrected", "searched for 'airways' in place of 'airwais'"),
    )
    assert query.asked == "what are athsma airwais"


@pytest.mark.parametrize("word", ["airways", "bronchodilators", "covid", "gout", "zzzzzzzz", "treating"])
def test_known_short_and_far_words_stay(index: Index, word: str) -> None:
    assert understand(f"is {word} bad", index).searched == f"is {word} bad"


def test_two_wrong_letters_need_a_long_word(index: Index) -> None:
    assert nearest_word("hypertenssionn", index) == "hypertension"
    assert nearest_word("arteyrs", index) == ""


@pytest.mark.parametrize("word", ["plague", "abortion", "calories", "crushing"])
def test_a_right_word_is_no_mistake_whatever_the_file_lacks(
    tmp_path: Path, word_embedder: WordEmbedder, word: str
) -> None:
    """Each of these became another word where the file lacked it."""
    rows = [("What is plaque?", "Plaque is on teeth. Absorption, carries and coughing are other words of this file.")]
    query = understand(f"what is {word}", index_rows(tmp_path, rows))
    assert query.searched == f"what is {word}"
    assert query.notes == ()


def test_the_words_of_a_file_in_another_language_are_looked_up_in_its_dictionary(
    tmp_path: Path, word_embedder: WordEmbedder
) -> None:
    answer = "La gripe es una infección de la nariz y de la garganta. El dolor de garganta dura días. La garganta sana."
    rows = [("¿Qué es la gripe?", answer)]
    over = index_rows(tmp_path, rows)
    assert over.language == "es"
    assert nearest_word("gargantas", over) == "garganta"
    assert understand("dolor de gargantas", over).notes == ()
    assert understand("dolor de gargnata", over).searched == "dolor de garganta"
    asked = understand("cuantas horas tengo que dormir", over, dictionary={"what"})
    assert FOREIGN not in asked.notes  # its words stand in no English dictionary, and need not


def test_a_british_word_is_searched_as_the_file_writes_it_and_is_no_mistake(
    tmp_path: Path, word_embedder: WordEmbedder
) -> None:
    over = index_rows(tmp_path, [("What is a hemorrhage?", "A hemorrhage is a bleeding. Diarrhea is something else.")])
    query = understand("haemorrhage and diarrhoea in Edinburgh", over, dictionary={"edinburgh"})
    assert query.searched == "hemorrhage and diarrhea in Edinburgh"
    assert query.notes == ()


def test_what_was_typed_is_searched_as_well(index: Index) -> None:
    assert {"athsma", "asthma"} <= set(understand("what is athsma", index).terms)


@pytest.mark.weights
def test_no_english_word_becomes_another_and_typos_become_what_was_meant(real_settings: Settings) -> None:
    """Over the embedder's vocabulary, and over typos by somebody who had not read the rules."""
    over = open_retriever(real_settings)
    plain = [word for word in over.dictionary if len(word) >= 6 and word.isascii()]
    plain += ["crushing", "plague", "abortion", "calories", "haemorrhoids", "practising"]
    assert len(plain) > 15_000
    changed = [word for word in plain if american(word) == word and word not in over.read(f"is {word} bad").searched]
    assert changed == []
    typos = read_jsonl(ROOT / "tests/data/typos.jsonl", "wrong", "right")
    known = [each for each in typos if each["right"] in over.index.words]
    right = [each["right"] in over.read(f"what is {each['wrong']}").searched for each in known]
    assert len(right) > 10
    assert sum(right) >= 0.75 * len(right)


def test_correction_can_be_switched_off(index: Index) -> None:
    assert understand("what is athsma", index, correct=False).notes == ()


@pytest.mark.parametrize(
    ("before", "asked", "searched"),
    [
        ("what are the symptoms of gout", "and in children?", "what are the symptoms of gout in children"),
        ("what are the symptoms of gout?", "how is it treated?", "how is gout treated"),
        ("what is asthma", "what about the treatment?", "the treatment asthma"),
        ("what is asthma", "can one cure it", "can one cure asthma"),
    ],
)
def test_a_follow_up_stands_alone(index: Index, before: str, asked: str, searched: str) -> None:
    query = understand(asked, index, [before])
    assert query.searched == searched
    assert Note("follow-up", f"understood as: {searched}") in query.notes


def test_a_question_that_stands_alone_is_left_as_it_is(index: Index) -> None:
    assert understand("what is hypertension", index, ["what is gout"]).searched == "what is hypertension"
    assert understand("how is it treated", index).searched == "how is it treated"


@pytest.mark.parametrize(
    "text", ["hi", "Hello there!", "thanks a lot", "thank you very much", "bye", "who are you?", "How are you today?"]
)
def test_chit_chat_is_answered_at_once(index: Index, text: str) -> None:
    assert understand(text, index).reply


def test_a_first_question_that_names_nothing_is_asked_what_it_is_about(index: Index) -> None:
    assert understand("Is there a treatment?", index).reply == ABOUT_WHAT
    assert understand("Is there a treatment?", index, ["hi"]).reply == ABOUT_WHAT
    assert not understand("Is there a treatment?", index, ["what is gout"]).reply
    assert not understand("what should i drink when i have the runs", index).reply  # lay words name a thing


@pytest.mark.parametrize("text", ["hi, what is gout", "thanks, and what is asthma?", "hello i have asthma"])
def test_a_greeting_before_a_question_is_no_chit_chat(index: Index, text: str) -> None:
    assert not understand(text, index).reply


def test_a_story_is_cut_to_what_asks_and_tells(index: Index) -> None:
    story = "We went to the seaside last summer and it rained all day long. " * 8 + "My uncle has gout. What helps him?"
    query = understand(story, index)
    assert len(query.searched.split()) <= LONG
    assert "My uncle has gout. What helps him?" in query.searched
    assert [note.kind for note in query.notes] == ["condensed"]


def test_lay_words_bring_their_medical_ones_to_the_lexical_search(index: Index) -> None:
    query = understand("my high blood pressure", index)
    assert "hypertens" in query.terms
    assert query.searched == "my high blood pressure"


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("how many milligrams of ibuprofen can my toddler have", True),
        ("can i double my metformin tonight", True),
        ("what is the dose limit of a medicine", False),
        ("what is gout", False),
        ("how is my asthma treated", False),
    ],
)
def test_questions_for_a_dose_are_seen(index: Index, question: str, asks: bool) -> None:
    assert understand(question, index).asks_dose is asks


def test_a_name_from_another_language_that_the_file_holds_is_no_question_in_it(
    tmp_path: Path, word_embedder: WordEmbedder
) -> None:
    spots = "Café au lait spots are flat brown marks on the skin of children."
    index = index_rows(tmp_path, [("What are café au lait spots?", spots)])
    assert of_another_language("café au lait spots", "en")
    assert understand("café au lait spots", index).reply == ""
    assert understand("café au lait pour les enfants", index).reply.startswith("Ce fichier")


def test_a_question_in_another_language_is_told_what_the_file_is_in(retriever: IndexRetriever) -> None:
    plain = frozenset({"what", "causes", "the", "measles", "vaccine", "is", "a"})

    def told(question: str) -> bool:
        query = understand(question, retriever.index, dictionary=plain)
        return FOREIGN in query.notes or "(English)" in query.reply

    assert told("quels sont les signes de la rougeole")
    assert told("Wie wird Gicht eigentlich behandelt")
    assert not told("what causes the measles")
    assert not told("is a zyrtec flonase claritin vaccine")
    assert not told("elhers danlos")
    assert FOREIGN not in understand("quels sont les signes", retriever.index).notes
