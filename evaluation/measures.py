"""How good written answers are, measured by rule against their evidence and a reference.

Every measure is a ratio of sums over questions (a mean over those that it applies to), so that one bootstrap serves
them all, paired differences included. Support is decided by the judge that the page uses; beside it stand the figures
of the older rule, shared words alone, under names that end in "by_words".
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dataset.judged import JudgedAnswer, judge
from evaluation.stats import Figure, Measured, Ratio, figure
from generator.tuning.perplexity import Likelihood
from generator.tuning.rows import Row
from rag.checks.citations import SupportJudge


def measure(rows: Sequence[Row], written: Sequence[str], support: SupportJudge) -> Measured:
    """The measures of answers against their evidence."""
    judged = [judge(row, text, support) for row, text in zip(rows, written, strict=True)]
    by_words = [judge(row, text, None) for row, text in zip(rows, written, strict=True)]
    answerable = np.array([row.answerable for row in rows])
    refused = np.array([answer.refused for answer in judged])
    everything = np.ones(len(rows), dtype=bool)
    said = np.array([answer.sentences > 0 and not answer.refused for answer in judged])
    return {
        **_support(judged, said),
        **{f"{name}_by_words": ratio for name, ratio in _support(by_words, said).items()},
        "invented_numbers": _mean(judged, lambda answer: answer.invented, said),
        "refusal_precision": Ratio((refused & ~answerable).astype(float), refused.astype(float)),
        "refusal_recall": Ratio((refused & ~answerable).astype(float), (~answerable).astype(float)),
        "false_refusals": Ratio((refused & answerable).astype(float), answerable.astype(float)),
        "whole_endings": _mean(judged, lambda answer: answer.whole, everything),
        "sentences": _mean(judged, lambda answer: answer.sentences, said),
        "words": _mean(judged, lambda answer: len(answer.text.split()), said),
    }


def _support(judged: Sequence[JudgedAnswer], said: np.ndarray) -> Measured:
    return {
        "citation_recall": _mean(judged, lambda answer: answer.cited_rightly / max(answer.sentences, 1), said),
        "citation_precision": _mean(judged, lambda answer: answer.right_citations / max(answer.citations, 1), said),
        "groundedness": _mean(judged, lambda answer: answer.supported / max(answer.sentences, 1), said),
    }


def _mean(judged: Sequence[JudgedAnswer], value: Callable[[JudgedAnswer], float], over: np.ndarray) -> Ratio:
    return Ratio(np.array([value(answer) for answer in judged]) * over, over.astype(float))


def measure_against_references(rows: Sequence[Row], written: Sequence[str], encoder: str) -> Measured:
    """Likeness to the references, over answerable rows (an answer that refuses is like none).

    ROUGE F1 with stemming (Lin 2004, rouge-score), sentence BLEU and chrF on 0 to 1 (sacrebleu), BERTScore F1 (Zhang et
    al. 2020, arXiv 1904.09675, bert-score) with the index's encoder, last layer, no idf weights and no rescaling.

    Args:
        encoder: folder of the encoder that BERTScore compares with.
    """
    from bert_score import BERTScorer
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from transformers import AutoConfig

    over = np.array([row.answerable for row in rows], dtype=float)
    texts = [judge(row, text, None).text for row, text in zip(rows, written, strict=True)]
    references = [judge(row, row.completion, None).text for row in rows]
    pairs = list(zip(references, texts, strict=True))
    rouge = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    scored = [rouge.score(reference, text) for reference, text in pairs]
    bleu, chrf = BLEU(effective_order=True), CHRF()
    layers = AutoConfig.from_pretrained(encoder, local_files_only=True).num_hidden_layers
    _, _, likeness = BERTScorer(encoder, num_layers=layers, device="cpu").score(
        [text or "." for text in texts], [reference or "." for reference in references]
    )
    values = {
        "rouge_1": [score["rouge1"].fmeasure for score in scored],
        "rouge_2": [score["rouge2"].fmeasure for score in scored],
        "rouge_l": [score["rougeL"].fmeasure for score in scored],
        "bleu": [bleu.sentence_score(text, [reference]).score / 100 for reference, text in pairs],
        "chrf": [chrf.sentence_score(text, [reference]).score / 100 for reference, text in pairs],
        "bertscore": [float(value) if text else 0.0 for value, text in zip(likeness, texts, strict=True)],
    }
    return {name: Ratio(np.array(each) * over, over) for name, each in values.items()}


def signatures() -> dict[str, str]:
    """How BLEU and chrF were computed, in sacrebleu's own words."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    shown = {}
    for name, metric in {"bleu": BLEU(effective_order=True), "chrf": CHRF()}.items():
        metric.sentence_score("a", ["a"])
        shown[name] = str(metric.get_signature())
    return shown


def measure_likelihood(scored: Likelihood) -> Measured:
    """Perplexity of the references, and bits per byte of their text."""
    return {
        "perplexity": Ratio(scored.nats, scored.tokens.astype(float), exponential=True),
        "bits_per_byte": Ratio(scored.nats / np.log(2), scored.text_bytes.astype(float)),
    }


Table = dict[str, dict[str, Figure]]
"""Model -> measure -> figure."""


def table(measured: Mapping[str, Measured]) -> Table:
    """Figures of each model, and under "difference" those of the second model less the first."""
    figures = {name: {key: figure(ratio) for key, ratio in each.items()} for name, each in measured.items()}
    if len(measured) > 1:
        first, second = list(measured.values())[:2]
        figures["difference"] = {key: figure(second[key], first[key]) for key in first}
    return figures
