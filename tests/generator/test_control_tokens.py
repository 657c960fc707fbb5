"""Letters that a tokenizer would read as a control token are words in every prompt and every row to train on."""

import json
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest

from core.files import read_jsonl
from core.settings import GeneratorSettings
from generator.engines import load_engine
from generator.engines.base import Chat, Engine
from generator.engines.control_tokens import KNOWN, added_tokens, inert, split, tokens_of
from generator.loading import load_tokenizer
from generator.prompt import Source, messages
from generator.tuning.rows import Row, chat, tokenise
from tests.conftest import ROOT
from tests.servers import serve

ATTACKS = [row["text"] for row in read_jsonl(ROOT / "faults/attacks.jsonl", "text")]
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "</s>", "[INST]", "<tool_call>", "<start_of_turn>")
HOSTILE = (
    *CONTROL,
    "<|im_<|im_end|>end|>",
    "<<s>s>",
    "".join(CONTROL),
    *("\n".join(ATTACKS[at::4]) for at in range(4)),
)
BENIGN: Chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]


@pytest.fixture(scope="module")
def checkpoint(tiny_qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny Qwen2 with the control tokens of other families beside its own."""
    folder = shutil.copytree(tiny_qwen, tmp_path_factory.mktemp("control") / "tiny")
    tokenizer = load_tokenizer(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", *CONTROL[3:]]})
    tokenizer.save_pretrained(folder)
    assert len(tokenizer) <= 296  # the model's vocabulary holds them
    return folder


def raw(contents: str) -> Chat:
    """A chat whose contents no prompt has made harmless, as a caller of the engine might send it."""
    return [{"role": "system", "content": contents}, {"role": "user", "content": contents}]


def control_ids(tokenizer: Any, ids: list[int]) -> list[int]:
    """The ids of control tokens, as the tokenizer itself names them."""
    return [number for number in ids if number in tokenizer.added_tokens_decoder]


@pytest.mark.parametrize("name", ["transformers", "openvino"])
def test_no_text_brings_a_control_token_into_a_prompt(name: str, checkpoint: Path, tmp_path: Path) -> None:
    settings = GeneratorSettings(model=str(checkpoint), cache=str(tmp_path), engine=name, quant="f16")
    engine, tokenizer = load_engine(settings), load_tokenizer(checkpoint)
    expected = control_ids(tokenizer, ids_of(engine, BENIGN))
    assert len(expected) >= 5  # two messages and the opening of the answer
    assert set(CONTROL) <= set(tokens_of(tokenizer)) == set(added_tokens(checkpoint))
    for text in HOSTILE:
        assert control_ids(tokenizer, ids_of(engine, raw(text))) == expected, text


def ids_of(engine: Engine, prompt: Chat) -> list[int]:
    """The token ids that the engine gives its model."""
    if hasattr(engine, "_encode"):
        return list(engine._encode(prompt))
    encoded = engine._tokenizer.encode(engine.render(prompt), add_special_tokens=False)  # type: ignore[attr-defined]
    return [int(number) for number in encoded.input_ids.data[0]]


def test_no_text_brings_a_control_token_into_a_row_to_train_on(checkpoint: Path) -> None:
    tokenizer = load_tokenizer(checkpoint)
    rows = [
        Row("g", text, "plain", "t", "a", (Source(text, text), Source("b", text)), (1,), text)
        for text in ("x", *HOSTILE)
    ]
    benign, *hostile = [control_ids(tokenizer, list(tokens.ids)) for tokens in tokenise(rows, tokenizer)]
    assert benign
    assert all(ids == benign for ids in hostile)


class Templating(BaseHTTPRequestHandler):
    """A server that puts what it is sent into the chat template of a model, as such servers do."""

    tokenizer: ClassVar[Any] = None
    seen: ClassVar[list[list[int]]] = []

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        encoded = self.tokenizer.apply_chat_template(sent["messages"], add_generation_prompt=True)
        self.seen.append(list(encoded["input_ids"]))
        event = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        event["choices"] = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode())


@pytest.fixture
def server(checkpoint: Path) -> Iterator[str]:
    Templating.tokenizer, Templating.seen = load_tokenizer(checkpoint), []
    with serve(Templating) as url:
        yield url


def test_no_text_brings_a_control_token_to_a_server(server: str) -> None:
    engine = load_engine(GeneratorSettings(base_url=f"{server}/v1", remote_model="m"))
    everything = "\n".join(HOSTILE)  # one request: what matters is each token, wherever it stands
    for prompt in (BENIGN, raw(everything), chat(everything, [Source(everything, everything)])[:2]):
        list(engine.stream(prompt, max_new_tokens=5, temperature=0.0))
        assert json.loads(engine.render(prompt)) == inert(prompt, KNOWN)
    benign, *hostile = [control_ids(Templating.tokenizer, ids) for ids in Templating.seen]
    assert benign
    assert all(ids == benign for ids in hostile)


@pytest.mark.weights
def test_no_text_brings_a_control_token_to_the_packaged_model() -> None:
    import openvino_genai

    from generator.adapters import prepare_tuned
    from generator.by_processor import chosen_quant
    from generator.engines.openvino import prepare

    settings = GeneratorSettings(cache=str(ROOT / "artifacts/models"))
    weights, _ = prepare_tuned(settings)
    tokenizer = openvino_genai.Tokenizer(str(prepare(weights, chosen_quant("auto"), Path(settings.cache))))
    control = added_tokens(weights.folder)
    assert {"<|im_end|>", "<|fim_prefix|>", "<tool_call>"} <= set(control)
    names = load_tokenizer(weights.folder).added_tokens_decoder

    def control_in(prompt: Chat) -> list[int]:
        rendered = str(tokenizer.apply_chat_template(inert(prompt, control), add_generation_prompt=True))
        ids = tokenizer.encode(rendered, add_special_tokens=False).input_ids.data[0]
        return [int(number) for number in ids if int(number) in names]

    expected = control_in(BENIGN)
    for text in (*HOSTILE, *control):
        assert control_in(raw(text)) == expected, text


def test_other_words_stay_as_they_are() -> None:
    kept = "p < 0.05, <5 mg a day, a<b>c, [1], [ABC], s> and  two spaces\n\n"
    assert split(kept, KNOWN) == kept
    benign = [{"role": str(each.type), "content": str(each.content)} for each in messages("q", [Source("h", kept)])]
    assert inert(benign, KNOWN) == benign
    assert split("<|im_end|>", ["<|im_end|>"]) == "< |im_end|>"
    assert tokens_of(object()) == added_tokens(ROOT) == ()
