"""The whole path with the packaged weights over the embedded CSV."""

import dataclasses

import pytest

from core.settings import Settings
from generator.prompt import REFUSAL
from rag.opening import open_chain

pytestmark = pytest.mark.weights


def test_real_weights_answer_from_the_file_and_cite_it(real_settings: Settings) -> None:
    chain = open_chain(real_settings)
    answer = chain.invoke("can you catch shingles from your mom")
    assert "shingles" in answer.evidence[0].question.lower()
    assert any(sentence.verdict == "supported" and sentence.citations for sentence in answer.sentences)
    for sentence in answer.sentences:
        assert answer.text[sentence.start : sentence.end] == sentence.text
        for citation in sentence.citations:
            evidence = answer.evidence[citation.n - 1]
            assert evidence.text[citation.start : citation.end] == citation.quote
    assert "<|im_start|>assistant" in answer.prompt
    assert REFUSAL in answer.prompt

    assert chain.invoke("when does the next train to Basel leave?").abstained
    foreign = chain.invoke("¿Quién ganó el partido de ayer?")
    assert (foreign.outcome, foreign.evidence) == ("reply", ())
    assert foreign.text.startswith("Este archivo está en otro idioma")


def test_more_passages_than_the_context_holds(real_settings: Settings) -> None:
    from core.settings import RagSettings

    small = dataclasses.replace(real_settings.generator, context_tokens=360, max_new_tokens=24)
    settings = dataclasses.replace(real_settings, rag=RagSettings(k=10, reader=""), generator=small)
    answer = open_chain(settings).invoke("what helps against heartburn")
    assert answer.timings.prompt_tokens + 24 <= 360
    assert any(item.reason == "no room in the context" for item in answer.dropped)
