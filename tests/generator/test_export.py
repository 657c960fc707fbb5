import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.errors import WeightsError
from core.settings import GeneratorSettings, Settings
from generator.export import QUANTS, export, main
from generator.weights import Weights, prepare_weights
from tests.conftest import ROOT

PROMPTS = [
    "What is the capital of France?",
    "Name the largest planet.",
    "What is two plus two?",
    "Spell the word cat backwards.",
    "Which organ pumps blood?",
    "What gas do plants take in?",
    "How many days are in a week?",
    "What is the boiling point of water in Celsius?",
    "Translate 'good morning' into Spanish.",
    "Who wrote Hamlet?",
]
TOKENS = 24


def logits(folder: Path, **kwargs: Any) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **kwargs)
    with torch.no_grad():
        return model(torch.arange(4, 60)[None]).logits


@pytest.mark.parametrize(("quant", "error"), [("f16", 0.001), ("q8_0", 0.02), ("q4_0", 0.2)])
def test_read_back_it_gives_the_same_logits_within_the_quantisations_error(
    tiny_qwen: Path, tmp_path: Path, quant: str, error: float
) -> None:
    from transformers import GgufConfig

    export(Weights(tiny_qwen, "tiny", "0"), quant, tmp_path / "model.gguf")
    shutil.copy(tiny_qwen / "config.json", tmp_path)
    original = logits(tiny_qwen)
    again = logits(tmp_path, gguf_file="model.gguf", quantization_config=GgufConfig(dequantize=True))
    deviation = float((again - original).norm() / original.norm())
    assert 0 < deviation < error


def test_template_and_special_tokens_travel_with_it(tiny_qwen: Path, tmp_path: Path) -> None:
    import gguf

    export(Weights(tiny_qwen, "tiny", "0"), "q8_0", tmp_path / "model.gguf")
    fields = gguf.GGUFReader(tmp_path / "model.gguf").fields
    assert fields["general.architecture"].contents() == "qwen2"
    assert fields["tokenizer.chat_template"].contents() == (tiny_qwen / "chat_template.jinja").read_text()
    tokens = fields["tokenizer.ggml.tokens"].contents()
    assert tokens[fields["tokenizer.ggml.eos_token_id"].contents()] == "<|im_end|>"
    assert len(tokens) == 288
    assert tokens[-1] == "[PAD287]"


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(WeightsError, match=r"is a 'gpt2' model, only qwen2 can be exported; use engine transformers"):
        export(Weights(tmp_path, "gpt2", "0"), "f16", tmp_path / "model.gguf")
    assert not (tmp_path / "model.gguf").exists()


def test_an_export_that_fails_leaves_the_old_file(
    tiny_qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "model.gguf"
    target.write_bytes(b"the old one")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("generator.export.gguf.quantize", full)
    with pytest.raises(OSError, match="No space left"):
        export(Weights(tiny_qwen, "tiny", "0"), "q8_0", target)
    assert target.read_bytes() == b"the old one"
    assert [file.name for file in tmp_path.iterdir()] == ["model.gguf"]


KILLED = """
import sys, time
from pathlib import Path
from generator import export as module
from generator.weights import Weights
def slow(*_):
    print("writing", flush=True)
    time.sleep(60)
module.gguf.quantize = slow
module.export(Weights(Path(sys.argv[1]), "tiny", "0"), "q8_0", Path(sys.argv[2]))
"""


def test_a_killed_export_leaves_nothing_that_looks_whole(tiny_qwen: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.gguf"
    command = [sys.executable, "-c", KILLED, str(tiny_qwen), str(target)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not target.exists()
    export(Weights(tiny_qwen, "tiny", "0"), "q8_0", target)
    assert [file.name for file in tmp_path.iterdir()] == ["model.gguf"]  # and what the killed one left is gone


def test_the_command_line(tiny_qwen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "tiny.gguf"
    assert main(["--model", str(tiny_qwen), "--quant", "q4_0", "--to", str(target)]) == 0
    assert capsys.readouterr().out == f"{target}: {target.stat().st_size:,} bytes\n"
    with pytest.raises(SystemExit):
        main(["--quant", "q2"])
    message = capsys.readouterr().err
    assert all(quant in message for quant in QUANTS)


@pytest.fixture(scope="module")
def real_weights(real_settings: Settings) -> Weights:
    return prepare_weights(real_settings.generator)


@pytest.fixture(scope="module")
def reference(real_weights: Weights) -> dict[str, str]:
    """Prompt -> what transformers writes in float32, greedily."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(real_weights.folder)
    model: Any = AutoModelForCausalLM.from_pretrained(real_weights.folder, dtype=torch.float32)
    texts: dict[str, str] = {}
    for question in PROMPTS:
        chat = [{"role": "user", "content": question}]
        prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        inputs = tokenizer(prompt, return_tensors="pt")
        written = model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False)[0][inputs.input_ids.shape[1] :]
        texts[prompt] = tokenizer.decode(written, skip_special_tokens=True)
    return texts


@pytest.mark.weights
@pytest.mark.parametrize("quant", ["f16", "q8_0"])
def test_openvino_and_llama_cpp_write_what_transformers_writes(
    real_weights: Weights, reference: dict[str, str], tmp_path: Path, quant: str
) -> None:
    import openvino_genai
    import xllamacpp

    file = tmp_path / "model.gguf"
    export(real_weights, quant, file)

    pipeline = openvino_genai.LLMPipeline(file, "CPU")
    config = openvino_genai.GenerationConfig(max_new_tokens=TOKENS, apply_chat_template=False)
    assert [pipeline.generate([prompt], config).texts[0] for prompt in reference] == list(reference.values())
    del pipeline

    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.n_ctx, params.n_parallel, params.verbosity = 1024, 1, -1
    server = xllamacpp.Server(params)
    for prompt, text in reference.items():
        reply = server.handle_completions({"prompt": prompt, "max_tokens": TOKENS, "temperature": 0})
        assert reply["choices"][0]["text"] == text


def test_a_damaged_conversion_is_made_again(told: list[str], tiny_qwen: Path, tmp_path: Path) -> None:
    from generator.engines.openvino import OpenVinoEngine

    settings = GeneratorSettings(model=str(tiny_qwen), cache=str(tmp_path))
    OpenVinoEngine(settings)
    model = next(tmp_path.glob("tiny-qwen*/openvino_model.bin"))
    model.write_bytes(model.read_bytes()[:-1])
    OpenVinoEngine(settings)
    assert sum("cannot be used (openvino_model.bin has changed); making it again" in line for line in told) == 1
    told.clear()
    OpenVinoEngine(settings)
    assert told == []
