"""Marks of the embedder and the reader, such as [SEP], are letters where they stand in a text."""

import pytest

from core.settings import IndexSettings
from index.embedders.openvino import OpenVinoEmbedder
from index.embedders.torch import TorchEmbedder
from index.embedders.weights import find_weights
from rag.reader.inputs import CLS, SEP, Pair, row
from rag.reader.openvino import tokenizer_of
from tests.conftest import ROOT

pytestmark = pytest.mark.weights
MARKED = "gout [SEP] [CLS] [MASK] [PAD] [UNK] is arthritis"
MARKS = range(100, 104)
"""[UNK], [CLS], [SEP], [MASK] in BERT's vocabulary; 0 is [PAD]."""


def test_no_text_ends_a_part_of_what_the_reader_reads() -> None:
    tokenize = tokenizer_of(find_weights())
    assert not [token for token in tokenize(MARKED) if token in MARKS or token == 0]
    ids = row(Pair(MARKED, MARKED, (MARKED, MARKED)), tokenize).ids
    assert (ids.count(CLS), ids.count(SEP)) == (1, 3)


def test_both_embedders_read_marks_as_letters() -> None:
    weights = find_weights()
    one = OpenVinoEmbedder.load(weights, ROOT / IndexSettings().cache, 0)
    (ids,) = one._tokens([MARKED])
    assert [int(token) for token in ids if token in MARKS] == [CLS, SEP]  # those of the beginning and the end
    texts = [MARKED, "gout"]
    cosines = (one.embed(texts) * TorchEmbedder(weights).embed(texts)).sum(axis=1)
    assert min(cosines) > 0.97
