"""Options, the table of counts, and the small models of the ordinary tests."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from faults import operations
from faults.askers import AILMENTS
from faults.counts import Count, Counts, Table
from faults.disk import Disk, mounted
from faults.processes import outcome, preload
from faults.stand_ins import settings_of
from tests.conftest import (  # noqa: F401 - fixtures
    _no_outside_settings,
    real_settings,
    rows_folder,
    tiny_adapter,
    tiny_qwen,
)
from tests.fakes import ROWS, write_csv

_table = Table()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--moments", type=int, default=50, help="how often each operation is killed (default: 50)")
    group.addoption("--seed", type=int, default=0, help="of the moments and of the damage (default: 0)")
    group.addoption(
        "--fuzz-seconds", type=float, default=100, help="how long each of six readers is fuzzed (default: 100)"
    )
    group.addoption("--asked", type=int, default=1000, help="how many attacks the model is asked with (default: all)")
    group.addoption("--ask-minutes", type=float, default=1.0, help="how long 32 callers ask (default: 1)")
    group.addoption(
        "--real-minutes", type=float, default=0.0, help="how long they ask the real model (default: not at all)"
    )
    group.addoption("--to", type=Path, help="a JSON file to keep the counts in")


def pytest_collection_finish(session: pytest.Session) -> None:
    preload(models=any("tiny_qwen" in getattr(item, "fixturenames", ()) for item in session.items))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in _table.lines():
        terminalreporter.write_line(line)
    if target := config.getoption("--to"):
        _table.write(target)


@pytest.fixture
def moments(request: pytest.FixtureRequest) -> int:
    """How often an operation is killed."""
    return int(request.config.getoption("--moments"))


@pytest.fixture
def ask_minutes(request: pytest.FixtureRequest) -> float:
    """How long the callers ask."""
    return float(request.config.getoption("--ask-minutes"))


@pytest.fixture
def real_minutes(request: pytest.FixtureRequest) -> float:
    """How long they ask the real model; skips the test where nobody asked for it."""
    minutes = float(request.config.getoption("--real-minutes"))
    if not minutes:
        pytest.skip("the real model was not asked for: --real-minutes 5")
    return minutes


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Draws the moments and the damage of one test."""
    return random.Random(f"{request.config.getoption('--seed')} {request.node.nodeid}")


@pytest.fixture
def flips(moments: int) -> int:
    """Bits that are flipped in each file, one at a time; twice as many kinds of damage are tried at most."""
    return max(moments // 5, 1)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk that can be made full."""
    with mounted(tmp_path / "disk") as made:
        yield made


@pytest.fixture
def many(tmp_path: Path) -> Settings:
    """The settings of an index with an answer to each asker's question, no two of them alike."""
    rows = [
        (f"What is {name}?", f"{name.capitalize()} is number {n} of this file. It is told here.", "made")
        for n, name in enumerate(AILMENTS)
    ]
    settings = settings_of(tmp_path / "index", write_csv(tmp_path / "rows.csv", rows, ("question", "answer", "source")))
    assert outcome(operations.build_words, settings.index, False).kind == "done"
    return settings


@pytest.fixture
def table() -> Table:
    """The counts of this run."""
    return _table


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers model of two small layers with random weights, over words of the test's rows."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    words = sorted({word for row in ROWS for word in " ".join(row).lower().replace(".", "").replace("?", "").split()})
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    tokenizer = Tokenizer(models.WordPiece({token: number for number, token in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    )
    wrapped.save_pretrained(folder)
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BertConfig(vocab_size=len(tokens), max_position_embeddings=64, intermediate_size=64, **sizes)
    BertModel(config).save_pretrained(folder)
    model = SentenceTransformer(modules=[Transformer(str(folder)), Pooling(32), Normalize()])
    model.save(str(folder / "model"))
    return folder / "model"


@pytest.fixture
def count(table: Table) -> Iterator[Count]:
    """Gives the counts of a kind of fault, which are looked at when the test ends: something was tried, and nothing
    came to harm."""
    mine: dict[str, Counts] = {}

    def of(kind: str) -> Counts:
        return mine.setdefault(kind, table.of(kind))

    yield of
    assert mine, "the test counted nothing"
    for counts in mine.values():
        assert counts.tried == counts.survived, counts
        assert counts.tried, counts
