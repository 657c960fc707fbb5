"""Fixtures shared by all tests: small indexes with fake models, a tiny random Qwen2, and the packaged weights."""

import logging
import os
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import hypothesis
import pytest

from core.files import sha256_file
from core.progress import log
from core.settings import GeneratorSettings, IndexSettings, RagSettings, Settings
from generator.llm import QwenChat
from generator.prompt import REFUSAL, Source
from generator.tuning.rows import Row, write_folder
from index.build import build
from index.opening import open_index
from index.ranking import NEVER_FITTED
from index.reader import Index
from rag.checks.citations import SupportJudge
from rag.opening import open_judge
from rag.search.retriever import IndexRetriever
from tests.fakes import ROWS, QueueEngine, WordEmbedder, write_csv

ROOT = Path(__file__).parent.parent

# The gate must not depend on luck or on a busy machine. To look for new cases: pytest --hypothesis-profile default
hypothesis.settings.register_profile("gate", derandomize=True, deadline=None)
hypothesis.settings.load_profile("gate")


def pytest_configure(config: pytest.Config) -> None:
    """Give each of several workers one thread: threads of two tests that share the cores wait for each other."""
    if hasattr(config, "workerinput"):  # torch, which reads these, is not loaded yet
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # where a test asks for more of them


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one worker, those in a browser in one after another, and begin with the longest."""
    if not hasattr(config, "workerinput"):
        return
    slow = {item.path for item in items if item.get_closest_marker("weights")}

    def place(item: pytest.Item) -> tuple[bool, bool, bool]:
        return not item.get_closest_marker("browser"), item.path.parent.name != "cluster", item.path not in slow

    items.sort(key=place)
    for item in items:
        group = "browser" if item.get_closest_marker("browser") else str(item.path.relative_to(ROOT))
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def _no_outside_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CITEWELL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The lines for the user, as they come."""
    lines: list[str] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: lines.append(record.getMessage()))
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield lines
    log.setLevel(level)
    log.removeHandler(handler)


@pytest.fixture
def word_embedder(monkeypatch: pytest.MonkeyPatch) -> WordEmbedder:
    """A fast embedder in the place of the real one, and a ranking that was not fitted to the real one's cosines."""
    return embed_words(monkeypatch)


def embed_words(monkeypatch: pytest.MonkeyPatch) -> WordEmbedder:
    """Put the embedder of words in the place of the real one."""
    embedder = WordEmbedder()
    monkeypatch.setattr("index.ranking.DEFAULT", ROOT / "tests/data/ranking.json")
    monkeypatch.setattr("index.build.load_embedder", lambda *_: embedder)
    monkeypatch.setattr("rag.opening.load_embedder", lambda *_: embedder)
    monkeypatch.setattr("rag.opening.open_reader", lambda settings: (None, NEVER_FITTED))
    return embedder


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "small.csv", ROWS, ("question", "answer", "source"))


def index_rows(folder: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = ("question", "answer")) -> Index:
    """An index of these rows; needs the fixture `word_embedder`."""
    return open_index(Path(indexed(folder, rows, header).dir))


def indexed(
    folder: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = ("question", "answer")
) -> IndexSettings:
    """The settings of an index of these rows; needs the fixture `word_embedder`."""
    settings = IndexSettings(csv=str(write_csv(folder / "rows.csv", rows, header)), dir=str(folder / "rows"))
    assert build(settings)
    return settings


@pytest.fixture
def small_index(tmp_path: Path, csv_file: Path, word_embedder: WordEmbedder) -> IndexSettings:
    """A built index of four records."""
    settings = IndexSettings(csv=str(csv_file), dir=str(tmp_path / "index"))
    assert build(settings)
    return settings


@pytest.fixture
def retriever(small_index: IndexSettings, word_embedder: WordEmbedder) -> IndexRetriever:
    index = open_index(Path(small_index.dir))
    return IndexRetriever(index=index, embedder=word_embedder, settings=RagSettings(k=2, min_score=0.2))


def queue_llm(*replies: str, max_tokens: int = 200) -> QwenChat:
    """A chat model that gives these replies."""
    return QwenChat(engine=QueueEngine(*replies), max_tokens=max_tokens)


def queue_of(llm: QwenChat) -> QueueEngine:
    """The engine behind `queue_llm`, which remembers what it was asked."""
    assert isinstance(llm.engine, QueueEngine)
    return llm.engine


@pytest.fixture(scope="session")
def tiny_qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a 2-layer Qwen2 with random weights and a tokenizer of single bytes, and one merge."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*special, *alphabet, "th"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("t", "h")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
    )
    wrapped.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=288,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=2048,
            bos_token_id=0,
            eos_token_id=2,
            pad_token_id=0,
        )
    )
    folder = tmp_path_factory.mktemp("tiny-qwen")
    model.save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def real_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The embedded CSV, indexed by the packaged embedder, and the packaged generator."""
    index = IndexSettings(csv=str(ROOT / "data/health_qa.csv"), dir=str(tmp_path_factory.mktemp("real") / "index"))
    assert build(index)
    return Settings(index=index, generator=GeneratorSettings(cache=str(ROOT / "artifacts/models"), max_new_tokens=96))


@pytest.fixture(scope="session")
def page_judge() -> SupportJudge:
    """What decides on the page, and in the figures, whether a passage supports a sentence."""
    return open_judge(Settings(index=IndexSettings(cache=str(ROOT / "artifacts/embedders"))))


@pytest.fixture(scope="session")
def browser_path() -> str:
    found = subprocess.run([ROOT / ".ci/browser", "--path"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert found.stdout.strip(), f"no browser: run .ci/browser ({found.stderr.strip()})"
    return found.stdout.strip()


@pytest.fixture(scope="session")
def tiny_adapter(tiny_qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter over the tiny Qwen2 that changes what it writes, with the record of its run."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from generator.tuning.training import save_adapter

    torch.manual_seed(0)  # LoRA's A is drawn; without a seed it is what the tests before have left
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_qwen),
        LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.fill_(0.1)  # with more, bf16 rounds two ways to other logits
    folder = tmp_path_factory.mktemp("adapters") / "tiny"
    folder.mkdir()
    base = {"name": "tiny-qwen", "sha256": sha256_file(tiny_qwen / "model.safetensors")}
    save_adapter(model, folder, {"base": base, "recipe": {}, "status": "done"})
    return folder


@pytest.fixture(scope="session")
def rows_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows as `dataset.__main__` writes them: ten sets of evidence to train on, four to develop, six to test."""
    folder = tmp_path_factory.mktemp("rows") / "examples"
    splits = {"train": range(10), "development": range(10, 14), "test": range(14, 20)}
    rows = {split: [row for number in numbers for row in written_rows(number)] for split, numbers in splits.items()}
    write_folder(folder, rows, {"csv": "made.csv", "csv_sha256": "0" * 64})  # type: ignore[arg-type]
    return folder


def written_rows(number: int) -> list[Row]:
    """Two rows over one set of evidence: one that is answered, one that is refused."""
    name = f"gout{number}"
    sources = (
        Source(f"What is {name}?", f"{name.capitalize()} is a form of arthritis. It lasts {number} days."),
        Source("What causes acne?", "Acne forms when follicles are clogged with oil."),
    )
    made = partial(Row, name, topic=name, sources=sources)
    return [
        made(
            question=f"tell me about {name}",
            form="plain",
            aspect="information",
            right=(1,),
            completion=f"{name.capitalize()} is a form of arthritis [1]. It lasts {number} days [1].",
        ),
        made(question=f"{name} cure", form="keywords", aspect="treatment", right=(), completion=REFUSAL),
    ]
