"""Let models answer the same prompts, and measure what they wrote."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.charts import chart
from core.files import jsonl_lines
from core.paths import artifacts
from core.progress import bar, log
from core.settings import GeneratorSettings
from evaluation.judged_questions import read_questions
from evaluation.measures import Table, measure, measure_against_references, measure_likelihood
from evaluation.stats import Measured
from generator.adapters import prepare_tuned
from generator.by_processor import chosen_quant
from generator.llm import QwenChat
from generator.tuning.perplexity import likelihood
from generator.tuning.rows import Row
from index.embedders.weights import find_weights
from rag.answerer import Answerer
from rag.checks.citations import SupportJudge
from rag.writing import RULES, write

ANSWERS = artifacts("evaluation/answers")
"""Answers that were written before, by model and prompt: an evaluation that is run again writes only what is new."""
SHOWN = (
    "citation_recall",
    "citation_precision",
    "groundedness",
    "whole_endings",
    "refusal_precision",
    "refusal_recall",
    "rouge_l",
    "bertscore",
)
"""The measures that the chart shows."""


@dataclass(frozen=True)
class Candidate:
    """A model that is evaluated."""

    name: str
    settings: GeneratorSettings
    identity: dict[str, str]


def candidate(name: str, settings: GeneratorSettings) -> Candidate:
    """`base` is the settings' model without an adapter, `tuned` with it; any other name is a model of its own.

    Raises:
        WeightsError: the model or its adapter cannot be had.
    """
    if name == "base":
        settings = dataclasses.replace(settings, adapter="")
    elif name != "tuned":
        settings = dataclasses.replace(settings, model=name, adapter="")
    weights, adapter = prepare_tuned(settings)
    identity = {
        "model": weights.name,
        "sha256": weights.sha256,
        "adapter": adapter.identity if adapter else "",
        "quant": chosen_quant(settings.quant),
        "max_new_tokens": str(settings.max_new_tokens),
        "writing": RULES,
    }
    return Candidate(name, settings, identity)


def answers(model: Candidate, rows: Sequence[Row]) -> list[str]:
    """The text that a model writes, greedily, for each row's prompt; Ctrl-C loses nothing that was written."""
    key = hashlib.sha256(json.dumps(model.identity, sort_keys=True).encode()).hexdigest()[:16]
    path = ANSWERS / f"{model.name.replace('/', '-')}-{key}.jsonl"
    known = _known(path)
    prompts = [hashlib.sha256(json.dumps(row.chat()).encode()).hexdigest() for row in rows]
    if missing := [number for number, prompt in enumerate(prompts) if prompt not in known]:
        llm = QwenChat.from_settings(dataclasses.replace(model.settings, temperature=0.0))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file, bar(model.name, len(missing), " answers") as progress:
            for number in missing:
                row = rows[number]
                *_, written = write(llm, row.question, row.sources)
                text = written.text
                known[prompts[number]] = text
                file.write(json.dumps({"prompt": prompts[number], "text": text}) + "\n")
                file.flush()
                progress.update()
    return [known[prompt] for prompt in prompts]


def _known(path: Path) -> dict[str, str]:
    known: dict[str, str] = {}
    for line in jsonl_lines(path.read_text(encoding="utf-8")) if path.is_file() else []:
        try:
            entry = json.loads(line)
            known[entry["prompt"]] = entry["text"]
        except (ValueError, KeyError, TypeError):
            continue  # the line that was being written when the process was killed
    return known


def evaluate(model: Candidate, rows: Sequence[Row], support: SupportJudge) -> tuple[Measured, list[str]]:
    """All measures of a model over rows with references, and what it wrote."""
    from generator.loading import load_model, load_tokenizer

    written = answers(model, rows)
    weights, _ = prepare_tuned(model.settings)
    log.info(f"{model.name}: scoring the references")
    scored = likelihood(load_model(weights.folder).eval(), load_tokenizer(weights.folder), rows)
    return {
        **measure(rows, written, support),
        **measure_against_references(rows, written, str(find_weights().folder)),
        **measure_likelihood(scored),
    }, written


def lay_rows(answerer: Answerer, files: Sequence[Path], split: str) -> list[Row]:
    """Judged lay questions over the evidence that the search finds for them, even where it would abstain.

    A question is answerable if its evidence holds the answer, and unanswerable if the evidence is known not to hold it;
    the others are left out (`evaluation.judged_questions.Question.shown_in`).
    """
    rows = []
    for number, question in enumerate(read_questions(files, split)):
        found = answerer.retriever.search(question.text)
        evidence, _ = answerer.evidence(found)
        right = question.shown_in(evidence)
        if right is not None:
            sources = tuple(item.as_source() for item in evidence)
            rows.append(Row(f"lay-{number}", found.search_query, question.form, "", "", sources, right, ""))
    return rows


def as_json(figures: Table) -> dict[str, Any]:
    """The figures as JSON, rounded to the precision of their intervals."""
    return {
        model: {
            name: {key: round(value, 4) if isinstance(value, float) else value for key, value in vars(figure).items()}
            for name, figure in each.items()
        }
        for model, each in figures.items()
    }


def draw(figures: Table, target: Path) -> None:
    """The models side by side with their intervals."""
    models = [name for name in figures if name != "difference"]
    colours = ["#9aa5b1", "#0b6e63", "#c2693c", "#5b5ea6"]
    with chart(target, 1, (9.0, 3.8)) as (_, (axes,)):
        width = 0.8 / len(models)
        for place, (model, colour) in enumerate(zip(models, colours, strict=False)):
            each = [figures[model][name] for name in SHOWN]
            axes.bar(
                [number + (place - (len(models) - 1) / 2) * width for number in range(len(SHOWN))],
                [value.mean for value in each],
                width,
                yerr=[
                    [max(value.mean - value.low, 0.0) for value in each],
                    [max(value.high - value.mean, 0.0) for value in each],
                ],
                capsize=2,
                color=colour,
                label=model,
            )
        axes.set_xticks(range(len(SHOWN)), [name.replace("_", "\n") for name in SHOWN], fontsize=8)
        axes.set_ylim(0, 1.05)
        axes.legend(frameon=False, loc="lower right")
