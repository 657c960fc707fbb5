"""The service with the real model over the real file."""

import pytest
from fastapi.testclient import TestClient

from core.service_settings import ServiceSettings
from core.settings import Settings
from rag.opened import Opened
from rag.receipt import read_receipt
from service.app import create_app


@pytest.mark.weights
def test_the_real_model_answers_over_http(real_settings: Settings, service_settings: ServiceSettings) -> None:
    client = TestClient(create_app(Opened(lambda: real_settings), service_settings), base_url="http://localhost")
    answer = read_receipt(client.post("/v1/answers", json={"question": "what are the signs of a stroke"}).text).answer
    assert answer.outcome == "answered"
    assert answer.sentences
    for sentence in answer.sentences:
        for citation in sentence.citations:
            evidence = answer.evidence[citation.n - 1]
            assert evidence.text[citation.start : citation.end] == citation.quote
