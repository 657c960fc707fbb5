"""An answer with its citation chips and its passages, as one Streamlit component.

Text of the file and of the model reaches the page as JSON and is put there by `textContent` alone (see answer.js).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from index.corpus import Record
from rag.answer import Answer, Dropped, Evidence

_HERE = Path(__file__).parent
_render = st.components.v2.component(
    "citewell_answer",
    html='<article class="answer"></article>',
    css=(_HERE / "answer.css").read_text(encoding="utf-8"),
    js=(_HERE / "answer.js").read_text(encoding="utf-8"),
)


STAGES = {"headed": "passages", "question": "questions", "lexical": "words", "reranked": "reranked"}
"""Stages of the search, and what they compare with the question."""


def show_answer(answer: Answer, key: str, records: Mapping[str, Record]) -> None:
    """Show a finished answer, or one that was stopped; `records` are those of the index as it is now."""
    _render(key=key, data=view(answer, records))


def view(answer: Answer, records: Mapping[str, Record]) -> dict[str, Any]:
    """What answer.js draws."""
    cited = {item.n for item in answer.cited}
    return {
        "pieces": _pieces(answer),
        "notice": vars(answer.notice) if answer.notice else None,
        "abstained": answer.abstained,
        "notes": list(answer.notes),
        "closest": list(answer.closest),
        "stopped": not answer.finished,
        "cited": [_source(item, answer, records) for item in answer.evidence if item.n in cited],
        "others": [_source(item, answer, records) for item in answer.evidence if item.n not in cited],
        "funnel": _funnel(answer, cited),
        "prompt": answer.prompt,
        "facts": _facts(answer),
    }


def _pieces(answer: Answer) -> list[dict[str, Any]]:
    """The answer's text in order: what stands between sentences, and the sentences with their citations."""
    pieces: list[dict[str, Any]] = []
    end = 0
    for sentence in answer.sentences:
        pieces.append({"text": answer.text[end : sentence.start]})
        pieces.append(
            {
                "text": sentence.text,
                "verdict": sentence.verdict,
                "citations": [{"n": item.n, "start": item.start, "end": item.end} for item in sentence.citations],
            }
        )
        # The chips take the place of the markers, which stand directly behind the sentence.
        markers = "".join(f"[{item.n}]" for item in sentence.citations)
        end = sentence.end + (len(markers) + 1 if markers else 0)
    pieces.append({"text": answer.text[end:]})
    return [piece for piece in pieces if piece["text"]]


def _source(item: Evidence, answer: Answer, records: Mapping[str, Record]) -> dict[str, Any]:
    record = records.get(item.record_id)
    end = item.start + len(item.text)
    stands = record is not None and record.answer[item.start : end] == item.text
    return {
        "n": item.n,
        "question": item.question,
        "text": item.text,
        "source": item.source,
        "url": item.url if item.url.startswith(("https://", "http://")) else "",
        "score": f"{item.score:.2f}",
        "spans": answer.spans(item.n),
        "place": f"record {item.record_id}, characters {item.start:,} to {end:,}",
        # The rest of the record's answer; none where the index holds the record no longer.
        "before": record.answer[: item.start] if record and stands else "",
        "after": record.answer[end:] if record and stands else "",
        "gone": not stands,
    }


def _funnel(answer: Answer, cited: set[int]) -> dict[str, Any]:
    """Everything that was retrieved, best first, with its rank in each stage and what became of it."""
    found: list[Evidence | Dropped] = sorted([*answer.evidence, *answer.dropped], key=lambda item: -item.score)
    stages = [stage for stage in STAGES if any(stage in item.ranks for item in found)]
    rows = []
    for item in found:
        shown = isinstance(item, Evidence)
        became = item.reason if isinstance(item, Dropped) else "cited" if item.n in cited else "presented, not cited"
        rows.append(
            {
                "n": item.n if isinstance(item, Evidence) else 0,
                "shown": shown,
                "question": item.question,
                "score": f"{item.score:.2f}",
                "ranks": [item.ranks.get(stage, 0) for stage in stages],
                "became": became,
            }
        )
    return {
        "stages": [STAGES[stage] for stage in stages],
        "rows": rows,
        "counts": [
            ["retrieved", len(found)],
            ["presented to the model", len(answer.evidence)],
            ["cited", len(cited)],
        ],
    }


def _facts(answer: Answer) -> list[list[str]]:
    timings = answer.timings
    index = answer.index
    return [
        ["Asked", answer.question],
        ["Searched for", answer.search_query],
        ["In the file", f"with probability {answer.answerable:.0%}"],
        ["Model", ", ".join(value for name, value in answer.model.items() if value and name != "sha256")],
        ["Weights", answer.model.get("sha256", "")],
        ["Index", f"{index.get('csv', '')}, build {index.get('build', '')}, embedder {index.get('embedder', '')}"],
        ["Search", f"{timings.search_s * 1000:.0f} ms"],
        ["First words", f"{timings.first_token_s:.1f} s"],
        ["Whole answer", f"{timings.total_s:.1f} s"],
        ["Tokens", f"{timings.prompt_tokens} read, {timings.answer_tokens} written"],
    ]
