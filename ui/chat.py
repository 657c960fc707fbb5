"""The chat page: questions, answers with their evidence, and feedback on them."""

import contextlib
import html
import time
from datetime import datetime
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import CiteWellError
from core.progress import log
from core.settings import Settings, load
from index.reader import Manifest
from rag import access_log
from rag.answer import Answer
from rag.answerer import Request
from rag.backend import Backend
from rag.feedback import REASONS, give
from rag.history import History
from rag.receipt import receipt, to_html
from rag.suggestions import listed
from ui import shared, welcome
from ui.answer_view import Place, prepare, show_answer, show_questions
from ui.conversations import Turn, draw_list, opened, save
from ui.shared import warned
from ui.sharing import draw_share
from ui.visitor import visitor

NOTICE = (
    "CiteWell repeats what its file says. It is information, no medical advice: ask a doctor about your own health."
)
PLACEHOLDER = "Ask a health question"
REDRAWN_S = 0.05
"""Seconds between two drawings of a growing text: it grows by up to a hundred pieces a second."""
LONG_QUESTION = 200
"""Characters from which a question is set as text and not as a heading."""


def draw(place: DeltaGenerator) -> None:
    """Draw the page.

    Args:
        place: where it says what it is, and may say so already.
    """
    settings = load()
    history = History(Path(settings.history.file), visitor().owner)
    turns = opened(history, settings.history.keep_days)
    with st.sidebar:
        draw_list(history, keep=settings.history.keep)
    question = _box(settings)
    if turns or question:
        welcome.name(place)
    if turns and turns[-1].number is not None:  # kept: another page may have taken its address away
        st.query_params["c"] = st.session_state.conversation
    backend = shared.backend()
    with st.spinner("Opening the file …"):
        manifest = backend.manifest()
    with st.sidebar:
        _about(manifest)
    if not turns and not question:
        with place.container():
            welcome.greet()
            _about_file(backend)
    for number, turn in enumerate(turns):
        _show(turn, number, backend, settings, newest=number == len(turns) - 1 and not question)
    if not question:
        with contextlib.suppress(CiteWellError, OSError):  # whoever asks will be told
            backend.prepare()
    with st.sidebar:
        st.subheader("The model")
        _model() if backend.model().state != "loading" else _model_when_loaded()
    if question:
        _ask(question, history)


def _box(settings: Settings) -> str | None:
    """The box for a question; what is asked, if it can be."""
    with st.bottom:
        if refused := st.session_state.pop("refused", ""):
            st.warning(refused)
        question = st.chat_input(
            PLACEHOLDER, key="question", submit_mode="stop", on_submit=_put_back_if_refused, args=(settings,)
        )
        st.caption(NOTICE)
        return question


def _put_back_if_refused(settings: Settings) -> None:
    """Put a question that cannot be asked back into the box, and say why: nobody has to type it again."""
    state, longest, limit = st.session_state, settings.rag.max_question_chars, settings.ui.questions_per_minute
    if len(state.question) > longest:
        state.refused = (
            f"Your question has {len(state.question):,} characters, and at most {longest:,} are read. It stands in the "
            "box again: shorten it to what you want to know."
        )
    elif _too_many(limit):
        state.refused = (
            f"More than {limit} questions in a minute. Yours stands in the box: wait a little, then send it."
        )
    else:
        return
    state.question = state.question


def _about(manifest: Manifest) -> None:
    """The file that is asked."""
    built = datetime.fromisoformat(manifest.built).astimezone().strftime("%d %b %Y, %H:%M")
    st.subheader("The file")
    st.text(manifest.csv)
    st.caption(f"{manifest.rows:,} rows, {manifest.kept:,} answers, {manifest.passages:,} passages  \nindexed {built}")


@st.fragment(run_every=2)
def _model_when_loaded() -> None:
    _model()


def _model() -> None:
    model = shared.backend().model()
    if model.state == "loading":
        st.caption("is being loaded; until then the page shows evidence without an answer")
    elif model.state == "away":
        st.caption(shared.plain(shared.as_sentence(model.error)))
    elif model.state == "failed":
        st.caption("could not be loaded; the page shows evidence without an answer")
        if model.error:
            st.caption(shared.plain(shared.as_sentence(model.error)))
    else:
        identity = model.identity
        st.text(identity["model"])
        details = [identity["engine"], identity.get("quant", ""), identity.get("device", ""), identity["processor"]]
        if identity.get("adapter"):
            details.append(f"adapter {identity['adapter']}")
        st.caption(", ".join(detail for detail in details if detail))
    if shared.is_remote():
        st.caption(shared.plain(f"asked at {load().ui.service_url}"))


def _about_file(backend: Backend) -> None:
    """Which file answers and who wrote it, and some of its questions to begin with."""
    manifest, held = backend.manifest(), backend.contents()
    written = f" Its answers are from {listed(held.sources)}." if held.sources else ""
    st.write(
        shared.plain(f"The file is {manifest.csv}: {manifest.kept:,} answers on {held.topics:,} topics.{written}"),
    )
    st.html('<h2 class="asked">Questions to begin with</h2>')
    show_questions(held.examples, key="examples")
    prepare()


def _show(turn: Turn, number: int, backend: Backend, settings: Settings, *, newest: bool) -> None:
    key = _key(number)
    _show_question(turn.question)
    with st.chat_message("assistant", avatar=":material/menu_book:"):
        if turn.answer is not None and turn.untuned is not None:
            for column, title, answer, name in zip(
                st.columns(2),
                ("With the adapter", "Without it"),
                (turn.answer, turn.untuned),
                ("tuned", "untuned"),
                strict=True,
            ):
                with column:
                    st.caption(title)
                    show_answer(answer, f"{key} {name}", backend, newest=newest)
        elif turn.answer is not None or not turn.error:
            show_answer(turn.answer or Answer(turn.question, turn.question), key, backend, newest=newest)
        if turn.unkept:
            st.warning(turn.unkept)
        if turn.error:
            st.error(shared.plain(turn.error))
        if turn.answer is not None and turn.answer.index and turn.answer.outcome != "reply":
            _below(turn, turn.answer, key, settings)


def _show_question(question: str) -> None:
    """A question as a heading, from which those who cannot see the page jump to the next one."""
    with st.chat_message("user", avatar=":material/person:"):
        kind = "asked long" if len(question) > LONG_QUESTION else "asked"
        st.html(f'<h2 class="{kind}">{html.escape(question)}</h2>')


def _below(turn: Turn, answer: Answer, key: str, settings: Settings) -> None:
    """Thumbs, the receipt, and the comparison."""
    compare = False
    with st.container(horizontal=True, vertical_alignment="center"):
        thumb = st.feedback("thumbs", key=f"thumbs {key}")
        with st.popover("Receipt and more", icon=":material/receipt_long:"):
            st.caption("The answer with all that it rests on. Check it: citewell receipt verify FILE")
            # Made when they are asked for: a conversation of fifty answers is drawn again with each question.
            as_json, as_page = (lambda: receipt(answer).to_json()), (lambda: to_html(receipt(answer)))
            # No rerun on a click: it would revoke the very callable that the browser is about to ask for.
            st.download_button(
                "Download as JSON", as_json, "answer.json", "application/json", key=f"json {key}", on_click="ignore"
            )
            st.download_button(
                "Download as a page", as_page, "answer.html", "text/html", key=f"html {key}", on_click="ignore"
            )
            tuned = answer.finished and answer.model.get("adapter") and answer.prompt
            if tuned and turn.untuned is None and not shared.is_remote():
                compare = st.button("Compare with the untuned model", key=f"compare {key}", icon=":material/compare:")
    draw_share(answer, st.session_state.conversation, key)
    file = Path(settings.history.file)
    if thumb == 1:
        _give(file, answer, key, good=True)
    elif thumb == 0:
        with st.form(f"feedback {key}"):
            reason = st.pills("What is wrong with it?", REASONS, default=REASONS[0], key=f"reason {key}")
            better = st.text_area("What should it have said? (optional)", key=f"better {key}", max_chars=4000)
            if st.form_submit_button("Send"):
                _give(file, answer, key, good=False, reason=reason or REASONS[0], better=better)
    if compare:
        _compare(turn, answer)


def _give(file: Path, answer: Answer, key: str, *, good: bool, reason: str = "", better: str = "") -> None:
    said = (good, reason, better)
    if st.session_state.get(f"given {key}") != said:
        with warned():
            give(file, answer, good, reason, better, visitor().owner)
            access_log.note(load(), "judged", visitor().owner, good=int(good))
            st.session_state[f"given {key}"] = said
    if st.session_state.get(f"given {key}") == said:
        st.caption("Thank you. This is kept with the answer's receipt.")


def _compare(turn: Turn, answer: Answer) -> None:
    """Let the model without its adapter answer from the same evidence."""
    area = st.empty()
    try:
        for untuned in shared.answer_untuned(answer):
            area.text(untuned.text or "Reading the same passages …")
            turn.untuned = untuned if untuned.finished else None
    except CiteWellError as error:
        area.error(shared.sentence(error))
        return
    st.rerun()


def _ask(question: str, history: History) -> None:
    """Answer a question below it, and draw the page again with the answer as one of its turns."""
    turn = Turn(question)
    turns: list[Turn] = st.session_state.turns
    number = len(turns)
    turns.append(turn)
    # Read before: whoever stops an answer stops every further use of Streamlit, and what was written is to be saved.
    keep = st.session_state.conversation if st.session_state.get("keep") else ""
    settings, owner = load(), visitor().owner
    _show_question(question)
    with st.chat_message("assistant", avatar=":material/menu_book:"):
        backend = shared.backend()
        place = Place(_key(number), backend)
        drawn = 0.0
        if keep:  # before anything of it is seen: whenever it is stopped, a reload finds the conversation again
            save(turn, history, keep)
            st.query_params["c"] = keep
            st.session_state.kept = True
        place.show(Answer(question, question), growing=True)  # the component is there by the time that the search is
        try:
            asked = Request(question, tuple(turn.question for turn in turns[:-1]))
            with contextlib.closing(backend.answer(asked)) as snapshots:  # type: ignore[type-var]
                for snapshot in snapshots:
                    now = time.monotonic()
                    if not snapshot.text or snapshot.finished or now - drawn >= REDRAWN_S:
                        place.show(snapshot, growing=True, loading=backend.model().state == "loading")
                        drawn = now
                    turn.answer = snapshot  # after it is shown: nothing appears that was not there when it was stopped
        except (CiteWellError, OSError) as error:
            turn.error = shared.told(error)
        except Exception:
            log.exception("answering failed")
            turn.error = "Something went wrong while answering. The terminal that runs CiteWell shows what; ask again."
        finally:  # whatever was written stays, also when the page is left or the answer stopped
            if keep:
                save(turn, history, keep)
            access_log.note(settings, "asked", owner, turn.answer)
    st.rerun()


def _key(number: int) -> str:
    """The prefix of the keys of a turn's widgets: Streamlit keeps their state by key, and each turn has its own."""
    return f"{st.session_state.conversation} {number}"


def _too_many(limit: int) -> bool:
    """Whether this session has asked as many questions in a minute as it may."""
    now = time.monotonic()
    asked = [when for when in st.session_state.get("asked", []) if now - when < 60]
    st.session_state.asked = asked if len(asked) >= limit else [*asked, now]
    return len(asked) >= limit
