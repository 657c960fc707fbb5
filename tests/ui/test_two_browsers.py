"""People kept apart in real browsers: two of them on one server, and people who sign in at a provider."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from core.settings import Settings
from rag.answer import Answer
from rag.answerer import Answerer, answer_chain
from rag.history import History, StoredTurn
from rag.opening import open_checks, open_embedders, open_retriever
from tests.conftest import queue_llm
from tests.servers import free_port
from tests.ui.provider import CLIENT, SECRET, Provider, provider
from tests.ui.test_page import ANSWER_MS, ask, page_server

pytestmark = [pytest.mark.weights, pytest.mark.browser]
PRIVATE = "can you catch quokkapox from shingles"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("people") / "log"
