from pathlib import Path

import numpy as np

from core.text.words import terms, words
from index.lexical import FILES, LexicalIndex, vocabulary

DOCUMENTS = ["Treating gout with rest", "Gout hurts; gout is treated", "A cold is a virus", ""]


def test_words_and_terms() -> None:
    assert words("Crohn's disease: naïve, 2.5 mg") == ["crohn", "disease", "naïve", "2", "5", "mg"]
    assert terms("What are the treatments for gout?") == ["treatment", "gout"]


def test_bm25_ranks_by_the_terms_and_is_the_same_after_loading(tmp_path: Path) -> None:
    index = LexicalIndex.make(DOCUMENTS)
    scores = index.scores(terms("treated for gout"))
    assert scores.argmax() == 1
    assert scores[2] == scores[3] == 0
    index.save(tmp_path / "lexical")
    assert sorted(path.name for path in (tmp_path / "lexical").iterdir()) == sorted(FILES)
    assert np.array_equal(LexicalIndex.load(tmp_path / "lexical").scores(terms("treated for gout")), scores)


def test_unknown_terms_count_nothing_and_weigh_most() -> None:
    index = LexicalIndex.make(DOCUMENTS)
    assert not index.scores(["zebra"]).any()
    assert not index.scores([]).any()
    assert not index.knows("zebra")
    assert index.weight("zebra") > index.weight("virus") > index.weight("gout") > 0


def test_documents_of_stop_words_alone() -> None:
    assert not LexicalIndex.make(["It is.", "What is it?"]).scores(terms("what is gout")).any()


def test_the_vocabulary_counts_words_that_stand_more_than_once() -> None:
    assert vocabulary(DOCUMENTS) == {"gout": 3}
