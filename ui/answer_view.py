"""An answer with its citation chips and its passages, as one Streamlit component.

Text of the file and of the model reaches the page as JSON and is put there by `textContent` alone (see answer.js).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from index.corpus import Record
from rag.answer import Answer, Dropped, Evidence

_HERE = Path(__file__).parent
_render = st.components.v2.component(
    "citewell_answer",
    html='<article class="answer"></article>',
    css=(_HERE / "answer.css").read_text(encoding="utf-8"),
    js=(_HERE / "answer.js").read_text(encoding="utf-8"),
)

COLUMNS, CELL = 12, 300
"""Most further columns of a row that a card shows, and most letters of each."""
APART = ("sha256", "processor")
"""The keys that have a line of their own among the facts of a model."""
STAGES = {"headed": "passages", "question": "questions", "lexical": "words", "reader": "reader"}
"""Stages of the search, and what they compare with the question."""


class Place:
    """Where an answer stands on the page: drawn once, or again and again as it grows."""

    def __init__(self, key: str, records: Mapping[str, Record]) -> None:
        self._slot, self._key, self._records = st.empty(), key, records

    def show(self, answer: Answer, *, growing: bool = False) -> None:
        """Show an answer as it is now; `records` are those of the index as it is now."""
        _let_draw_again(self._key)
        with self._slot:
            _render(key=self._key, data=view(answer, self._records, growing=growing))


def prepare() -> None:
    """Draw nothing, so that the browser has loaded what draws answers before there is the first one."""
    _render(key="prepared", data={})


def show_answer(answer: Answer, key: str, records: Mapping[str, Record]) -> None:
    """Show a finished answer, or one that was stopped."""
    Place(key, records).show(answer)


def _let_draw_again(key: str) -> None:
    """Let the component of this key be drawn again in the same run of the script.

    Streamlit takes a second one of a key for a mistake, and yet sends its data to the one that stands, which is what an
    answer that grows in its place needs: under another key it would be removed and drawn again, which users would see.
    """
    context = get_script_run_ctx()
    if context is None:
        return
    for drawn in (context.shared.widget_user_keys_this_run, context.shared.widget_ids_this_run):
        others = [each for each in drawn.snapshot() if each != key and not each.endswith(f"-{key}")]
        drawn.clear()
        for each in others:
            drawn.check_and_add(each)


def view(answer: Answer, records: Mapping[str, Record], *, growing: bool = False) -> dict[str, Any]:
    """The data that answer.js draws; of a growing answer, only the part that is known."""
    cited = {item.n for item in answer.cited}
    growing = growing and not answer.finished
    return {
        "growing": growing,
        "pieces": _pieces(answer),
        "notice": vars(answer.notice) if answer.notice else None,
        "notes": [vars(note) for note in answer.notes],
        "closest": list(answer.closest),
        "status": _status(answer) if growing else "",
        "stopped": not answer.finished and not growing,
        "title": _title(answer),
        "sources": [_source(item, answer, records) for item in answer.evidence],
        "made": None
        if growing
        else {"funnel": _funnel(answer, cited), "prompt": answer.prompt, "facts": _facts(answer)},
    }


def _title(answer: Answer) -> str:
    """The heading above the evidence."""
    if not answer.evidence:
        return ""
    return "Nearest passages in the file" if answer.abstained else "Evidence"


def _status(answer: Answer) -> str:
    """The step that is being done; empty once there are words to read."""
    if answer.text:
        return ""
    if not answer.evidence:
        return "Searching the file …"
    found = "1 passage found" if len(answer.evidence) == 1 else f"{len(answer.evidence)} passages found"
    if not answer.ahead:
        return f"{found}; the model is reading {'it' if len(answer.evidence) == 1 else 'them'} …"
    others = "one question is" if answer.ahead == 1 else f"{answer.ahead} questions are"
    return f"{found}; {others} being answered before yours …"


def _pieces(answer: Answer) -> list[dict[str, Any]]:
    """The answer's text in order: the sentences with their citations, and the text between them."""
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
    spans = answer.spans(item.n)
    return {
        "n": item.n,
        "question": item.question,
        "text": item.text,
        "source": item.source,
        "url": item.url if item.url.startswith(("https://", "http://")) else "",
        "columns": [[name, value[:CELL]] for name, value in item.hit.columns.items()][:COLUMNS],
        "score": f"{item.score:.2f}",
        "spans": spans,
        "lead": _lead(item, answer),
        "tag": "read, but not cited" if answer.cited and answer.finished and not spans else "",
        "place": f"record {item.record_id}, characters {item.start:,} to {end:,}",
        # The rest of the record's answer; none where the index holds the record no longer.
        "before": record.answer[: item.start] if record and stands else "",
        "after": record.answer[end:] if record and stands else "",
        "gone": not stands,
    }


def _lead(item: Evidence, answer: Answer) -> dict[str, Any] | None:
    """The sentence to read first, and where it stands in what the model is shown; no place if that was trimmed off."""
    lead = next((each for each in answer.leads if each.passage_id == item.passage_id), None)
    if lead is None:
        return None
    start = lead.start - item.start
    span = [start, start + len(lead.text)]
    within = start >= 0 and item.text[slice(*span)] == lead.text
    return {"text": lead.text, "span": span if within else None}


def _funnel(answer: Answer, cited: set[int]) -> dict[str, Any]:
    """Everything that was retrieved, best first, with its rank in each stage and whether it was used, or why not."""
    found: list[Evidence | Dropped] = sorted([*answer.evidence, *answer.dropped], key=lambda item: -item.hit.score)
    stages = [stage for stage in STAGES if any(stage in item.hit.ranks for item in found)]
    uncited = "presented, not cited" if answer.prompt else "among the nearest"
    rows = []
    for item in found:
        shown = isinstance(item, Evidence)
        became = item.reason if isinstance(item, Dropped) else "cited" if item.n in cited else uncited
        rows.append(
            {
                "n": item.n if isinstance(item, Evidence) else 0,
                "shown": shown,
                "question": item.hit.question,
                "score": f"{item.hit.score:.2f}",
                "ranks": [item.hit.ranks.get(stage, 0) for stage in stages],
                "became": became,
            }
        )
    return {
        "stages": [STAGES[stage] for stage in stages],
        "rows": rows,
        "counts": [
            ["retrieved", len(found)],
            ["presented to the model", len(answer.evidence) if answer.prompt else 0],
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
        ["Model", ", ".join(value for name, value in answer.model.items() if value and name not in APART)],
        ["Processor", answer.model.get("processor", "")],
        ["Weights", answer.model.get("sha256", "")],
        ["Index", f"{index.get('csv', '')}, build {index.get('build', '')}, embedder {index.get('embedder', '')}"],
        ["Reader", index.get("reader", "")],
        ["Search", f"{timings.search_s * 1000:.0f} ms"],
        ["First words", f"{timings.first_token_s:.1f} s"],
        ["Whole answer", f"{timings.total_s:.1f} s"],
        ["Tokens", f"{timings.prompt_tokens} read, {timings.answer_tokens} written"],
    ]
