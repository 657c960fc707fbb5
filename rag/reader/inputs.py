"""What the reader reads: question, heading and sentences of a passage as one row of tokens.

    [CLS] question [SEP] heading [SEP] sentence sentence … [SEP]

The same rows are trained on and read; a sentence that has no room is not read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

QUESTION_TOKENS = 64
"""Most tokens of a question; a longer one keeps its beginning, which says what it is about, and its end, which asks."""
QUESTION_START = 24
"""Tokens of the beginning that a longer question keeps."""
HEADING_TOKENS = 28
"""Most tokens of a heading."""
MAX_TOKENS = 224
"""Most tokens of a row: nineteen passages of twenty are read whole."""
LENGTH_STEP = 16
"""Rows are padded to a multiple of this: for every shape, OpenVINO prepares and keeps kernels."""
GRADES = 3
"""Grades above 0, as TREC's judges give them."""
CLS, SEP = 101, 102
"""BERT's marks for the beginning of a row and the end of a part of it."""

Tokenize = Callable[[str], list[int]]
"""Text -> token ids, without marks of beginning and end."""


@dataclass(frozen=True)
class Pair:
    """A question and a passage that may answer it, in sentences."""

    question: str
    heading: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A pair as tokens. `sentence` holds for each token the number of its sentence, -1 outside of the passage."""

    ids: tuple[int, ...]
    types: tuple[int, ...]
    sentence: tuple[int, ...]

    @property
    def sentences(self) -> int:
        """How many sentences there was room for."""
        return max(self.sentence) + 1


def row(pair: Pair, tokenize: Tokenize, most: int = MAX_TOKENS) -> Row:
    """Lay out a pair, at most `most` tokens."""
    question = tokenize(pair.question)
    if len(question) > QUESTION_TOKENS:
        question = question[:QUESTION_START] + question[QUESTION_START - QUESTION_TOKENS :]
    ids = [CLS, *question, SEP]
    types = [0] * len(ids)
    ids += [*tokenize(pair.heading)[:HEADING_TOKENS], SEP]
    sentence = [-1] * len(ids)
    for number, text in enumerate(pair.sentences):
        tokens = tokenize(text)[: most - 1 - len(ids)]
        if not tokens:
            break
        ids += tokens
        sentence += [number] * len(tokens)
    ids.append(SEP)
    sentence.append(-1)
    types += [1] * (len(ids) - len(types))
    return Row(tuple(ids), tuple(types), tuple(sentence))


def batch(rows: Sequence[Row], step: int = LENGTH_STEP) -> dict[str, np.ndarray]:
    """The network's inputs for rows.

    Returns:
        input_ids, token_type_ids and attention_mask, shape (rows, tokens), and spans, shape (rows, sentences, tokens):
        what to multiply the tokens' vectors with to get the mean of each sentence's.
    """
    tokens = -(-max(len(each.ids) for each in rows) // step) * step
    sentences = max(1, *(each.sentences for each in rows))
    ids = np.zeros((len(rows), tokens), np.int64)
    types, mask = np.zeros_like(ids), np.zeros_like(ids)
    spans = np.zeros((len(rows), sentences, tokens), np.float32)
    for number, each in enumerate(rows):
        size = len(each.ids)
        ids[number, :size] = each.ids
        types[number, :size] = each.types
        mask[number, :size] = 1
        for at, sentence in enumerate(each.sentence):
            if sentence >= 0:
                spans[number, sentence, at] = 1
    spans /= np.maximum(spans.sum(axis=2, keepdims=True), 1)
    return {"input_ids": ids, "token_type_ids": types, "attention_mask": mask, "spans": spans}
