"""Nothing is reported to anybody, and no log holds people's words."""

import logging
import subprocess
import sys
import threading

import pytest

from core.libraries import SWITCHES
from core.log_privacy import place_of, without_words
from tests.conftest import ROOT

TRAP = """
import os, socket, sys
asked = []
def trap(*given, **named):
    asked.append(given[:2])
    raise OSError("no network in this test")
socket.getaddrinfo = socket.socket.connect = socket.socket.connect_ex = trap
from core.errors import run_command
def main():
    import huggingface_hub, langsmith, openvino, openvino_genai, streamlit, transformers
    from langchain_core.runnables import RunnableLambda
    from langchain_core.tracers.langchain import wait_for_all_tracers
    from openvino.tools.ovc.telemetry_utils import init_ovc_telemetry
    assert RunnableLambda(lambda question: question).invoke("do I have quokkapox?")
    wait_for_all_tracers()
    tracker = init_ovc_telemetry()
    tracker.start_session("mo"), tracker.send_event("mo", "version", "1"), tracker.end_session("mo")
    print("asked", asked)
run_command(main)
"""


@pytest.mark.parametrize("name", ["LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING"])
def test_no_library_looks_up_an_address_whatever_the_shell_says(name: str) -> None:
    """Every look-up and connection of the process is caught; LangSmith's tracing is switched on from outside."""
    environment = {
        "PATH": "",
        "PYTHONPATH": str(ROOT),
        name: "true",
        "LANGSMITH_API_KEY": "k",
        "LANGCHAIN_API_KEY": "k",
    }
    ended = subprocess.run(
        [sys.executable, "-c", TRAP], capture_output=True, text=True, check=False, env=environment, cwd=ROOT
    )
    assert ended.stdout.endswith("asked []\n"), ended.stderr
    assert SWITCHES[name] == "false"


def test_an_error_is_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    factory, hook = logging.getLogRecordFactory(), threading.excepthook
    without_words()
    try:
        try:
            try:
                raise KeyError("do I have quokkapox?")
            except KeyError as cause:
                raise ValueError("the question 'do I have quokkapox?' failed") from cause
        except ValueError as error:
            logging.getLogger("streamlit.error_util").exception("answering failed")
            place = place_of(error)
    finally:
        logging.setLogRecordFactory(factory)
        threading.excepthook = hook
    assert "quokkapox" not in caplog.text + place
    assert "answering failed: ValueError at " in caplog.text
    assert "; caused by KeyError at " in place
    assert "test_libraries.py:" in place
