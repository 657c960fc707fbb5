"""All settings, in one strict place: defaults < citewell.toml < CITEWELL_* environment < command line.

A key is written `group.key` on the command line, `[group]` then `key = …` in citewell.toml, and
CITEWELL_GROUP_KEY in the environment. An unknown key is an error that names the nearest known one. Where files are by
default is decided in `core.paths`.
"""

import dataclasses
import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from core.errors import SettingsError
from core.paths import HOME, artifacts, shipped
from core.people_settings import AuditSettings, AuthSettings
from core.service_settings import ServiceSettings
from core.setting_rules import OneOf, Range

SETTINGS_FILE = Path("citewell.toml")
"""Looked for in the working directory, to which the paths in it are relative."""
PREFIX = "CITEWELL_"

Groups = TypeVar("Groups")
"""A frozen dataclass whose fields are frozen dataclasses of settings."""


@dataclass(frozen=True)
class IndexSettings:
    csv: str = str(shipped("data/health_qa.csv"))
    """The file whose answers are indexed."""
    dir: str = str(artifacts("index"))
    """Where the index folder is."""
    question_column: str = ""
    """Name of the column of questions; empty to find it by its name or its content."""
    answer_column: str = ""
    """Name of the column of answers; empty to find it by its name or its content."""
    encoding: str = ""
    """The file's encoding, such as cp1252; empty to detect it."""
    embedder: str = "default"
    """`default` (the packaged all-MiniLM-L6-v2), a folder, or a hub id of a sentence-transformers model."""
    adapter: str = ""
    """Low-rank adapter that questions are embedded with: the name of one in index/adapters, or a folder that
    `citewell tune` wrote; empty for none."""
    ranking: str = "default"
    """Weights of the search's stages and the bar for abstaining: `default`, or a file that `evaluation.search fit`
    wrote."""
    passage_tokens: Annotated[int, Range(20, 2000)] = 200
    """Most tokens of the embedder's tokenizer in a passage; its heading comes on top."""
    vectors: Annotated[str, OneOf(("auto", "exact", "rabitq4", "sq8"))] = "auto"
    """How vectors are stored: `exact` (16 bits a dimension, all of them compared), or in lists as codes of 4 or 8 bits
    a dimension, the best scored again exactly; `auto` is `exact` up to two million, then `rabitq4`."""
    batch_size: Annotated[int, Range(1, 4096, or_zero=True)] = 0
    """Texts that are embedded together; 0 leaves it to the engine."""
    keep_builds: Annotated[int, Range(2, 1000)] = 5
    """Builds that are kept to go back to, the published one among them; that of the settings' own file comes on top."""
    cache: str = str(artifacts("embedders"))
    """Where embedders converted for this machine are kept."""


@dataclass(frozen=True)
class GeneratorSettings:
    model: str = "default"
    """`default` (the packaged Qwen2.5-Coder-0.5B-Instruct), a folder, or a hub id of a causal language model."""
    cache: str = str(artifacts("models"))
    """Where prepared checkpoints are kept."""
    adapter: str = "default"
    """A LoRA adapter over `model`: the name of one in generator/adapters, or a folder that `citewell train`
    wrote. `default` is the shipped one where it was trained over this model; empty for none."""
    engine: Annotated[str, OneOf(("auto", "openvino", "transformers", "openai"))] = "auto"
    """`auto`, `openvino`, `transformers`, or `openai` (any OpenAI-compatible server). `auto` takes the server where
    `base_url` is set, transformers on CUDA, else OpenVINO."""
    device: Annotated[str, OneOf(("auto", "cpu", "cuda"))] = "auto"
    """`auto`, `cpu` or `cuda`."""
    quant: Annotated[str, OneOf(("auto", "q8_0", "q4_0", "f16"))] = "auto"
    """Engine `openvino`: how weights are stored, `q8_0` (eight bits), `q4_0` (four) or `f16`; `auto`: eight, or four
    where there is too little memory."""
    lookup_tokens: Annotated[int, Range(0, 64)] = 8
    """Engine `openvino`: tokens guessed from the prompt at a time; 0 writes one token after another."""
    threads: Annotated[int, Range(0, 1024)] = 0
    """Engine `openvino`: threads of a generation; 0 is one for each core."""
    load_in_4bit: bool = False
    """Whether CUDA loads the base weights as NF4 with double quantisation instead of bf16."""
    base_url: str = ""
    """Engine `openai`: the server, such as http://127.0.0.1:8000/v1. The key is read from OPENAI_API_KEY."""
    api_version: str = ""
    """Engine `openai`: set for Azure OpenAI, whose endpoint is then `base_url`."""
    remote_model: str = ""
    """Engine `openai`: the model's name on the server."""
    max_new_tokens: Annotated[int, Range(1, 100_000)] = 320
    context_tokens: Annotated[int, Range(300, 1_000_000)] = 2048
    """Most tokens of prompt and answer together."""
    temperature: Annotated[float, Range(0, 2)] = 0.0
    """0 is greedy decoding."""


@dataclass(frozen=True)
class RagSettings:
    k: Annotated[int, Range(1, 50)] = 3
    """Passages put in front of the model."""
    candidates: Annotated[int, Range(1, 1000)] = 20
    """Passages that are looked at after fusion, before duplicates are dropped."""
    abstain: bool = True
    """Whether to answer, without asking the model, that the file holds no answer where the search's signals show it."""
    min_score: Annotated[float, Range(-1, 1)] = 0.2
    """Cosine similarity below which a passage is no evidence, however high its other scores are."""
    reader: str = "default"
    """The reader that judges whether passages answer: `default` (the shipped one), a folder that `citewell tune reader`
    wrote, any sentence-transformers cross-encoder by folder or hub id, which orders and does not decide; empty for
    none."""
    read: Annotated[int, Range(1, 1000)] = 12
    """Most passages that the reader reads for a question."""
    nli: str = "default"
    """What reads whether a passage entails a sentence: `default` (the shipped network), a folder that `citewell tune
    verifier` wrote, or any cross-encoder for natural language inference by folder or hub id, which has to agree with
    the shipped one; empty for none."""
    correct_spelling: bool = True
    evidence_tokens: Annotated[int, Range(50, 100_000, or_zero=True)] = 0
    """Most tokens of all passages put in front of the model, headings included; the sentences at their edges that have
    least to do with the question are dropped first. Reading them is most of the wait for the first word. 0 leaves it to
    the class of the processor (`generator.by_processor`)."""
    max_question_chars: Annotated[int, Range(20, 100_000)] = 2000


@dataclass(frozen=True)
class HistorySettings:
    keep: bool = True
    """Keep conversations from one visit to the next; feedback is kept whenever it is given."""
    file: str = str(artifacts("history.sqlite"))
    """Where conversations and feedback are."""
    keep_days: Annotated[int, Range(0, 100_000)] = 0
    """Days after which a conversation that nobody touched is deleted; 0 keeps it."""

    share: bool = True
    """Whether an answer can be shared by a link that whoever has it can read."""


@dataclass(frozen=True)
class UiSettings:
    host: str = "127.0.0.1"
    port: Annotated[int, Range(1, 65_535)] = 8501
    names: str = ""
    """Host names beside this machine's own by which browsers reach the page, such as that of a proxy; commas between
    them. `*` accepts every name."""
    log_texts: bool = False
    """Whether the page's log may hold the words of an error, in which a question can stand."""
    questions_per_minute: Annotated[int, Range(1, 100_000)] = 30
    """Most questions that one visit may ask in a minute."""
    uploads: Annotated[str, OneOf(("everybody", "nobody"))] = "everybody"
    """Who may index other files in the page, go back to an earlier index, and cancel what others index."""
    uploads_per_minute: Annotated[int, Range(1, 100_000)] = 10
    """Most files that one address may upload in a minute."""
    service_url: str = ""
    """The address of a running `citewell serve`, such as http://127.0.0.1:8600, that the page asks in place of an index
    and models of its own; empty for these."""
    service_key: str = ""
    """The key that the service knows the page by. Better in the environment: CITEWELL_UI_SERVICE_KEY."""


@dataclass(frozen=True)
class Settings:
    index: IndexSettings = field(default_factory=IndexSettings)
    generator: GeneratorSettings = field(default_factory=GeneratorSettings)
    rag: RagSettings = field(default_factory=RagSettings)
    history: HistorySettings = field(default_factory=HistorySettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    ui: UiSettings = field(default_factory=UiSettings)
    service: ServiceSettings = field(default_factory=ServiceSettings)


def load(
    overrides: Mapping[str, Any] | None = None,
    *,
    file: Path = SETTINGS_FILE,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Resolve the settings from all four layers.

    Args:
        overrides: `group.key` -> value from the command line; a value of None means "not given".
        file: the TOML file; it may be missing.
        environ: the environment; the process's own by default.

    Raises:
        SettingsError: unknown key, value of the wrong type or out of its range, or a file that is no TOML.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    values.update(read_toml(file))
    values.update(_from_environment(environ))
    values.update({key: value for key, value in (overrides or {}).items() if value is not None})

    return resolve(Settings, values)


def resolve(kind: type[Groups], values: Mapping[str, Any]) -> Groups:
    """Build a frozen dataclass of settings groups from `group.key` -> value; what is not given keeps its default.

    Raises:
        SettingsError: unknown key, or a value of the wrong type or out of its range.
    """
    known = _known(kind)
    groups: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        if key not in known:
            raise SettingsError(_unknown(key, known))
        group, name = key.split(".")
        groups.setdefault(group, {})[name] = _checked(key, _convert(key, value, type(known[key].default)), known[key])
    fields = {entry.name: entry.type for entry in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: group(**groups.get(name, {})) for name, group in fields.items()})  # type: ignore[operator]


def flat(settings: Any) -> dict[str, Any]:
    """`group.key` -> value of every setting: what `resolve` takes."""
    return {
        f"{group}.{key}": value for group, keys in dataclasses.asdict(settings).items() for key, value in keys.items()
    }


def _known(kind: type[Any]) -> dict[str, dataclasses.Field[Any]]:
    """`group.key` -> field of every setting."""
    return {
        f"{group.name}.{entry.name}": entry
        for group in dataclasses.fields(kind)
        for entry in dataclasses.fields(group.type)  # type: ignore[arg-type]
    }


def read_toml(file: Path) -> dict[str, Any]:
    """`group.key` -> value of a TOML file; nothing of one that is missing.

    Raises:
        SettingsError: it is no TOML.
    """
    if not file.is_file():
        return {}
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from error
    values: dict[str, Any] = {}
    for group, table in tables.items():
        if isinstance(table, dict):
            values.update({f"{group}.{key}": value for key, value in table.items()})
        else:
            values[group] = table
    return values


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    values = {}
    for name, value in environ.items():
        if name.startswith(PREFIX) and name != HOME:
            group, _, key = name.removeprefix(PREFIX).lower().partition("_")
            values[f"{group}.{key}"] = value
    return values


def _unknown(key: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known settings: {', '.join(sorted(known))}"
    return f"unknown setting {key!r}; {hint}"


def _checked(key: str, value: Any, entry: dataclasses.Field[Any]) -> Any:
    for rule in get_args(entry.type)[1:]:
        if not rule.holds(value):
            raise SettingsError(f"setting {key!r} is {value!r}; expected {rule}")
    return value


def _convert(key: str, value: Any, expected: type) -> Any:
    if isinstance(value, str) and expected is not str:
        try:
            if expected is bool:
                return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[value.lower()]
            return expected(value)
        except (ValueError, KeyError):
            raise SettingsError(f"setting {key!r} is {value!r}; expected {expected.__name__}") from None
    if expected is float and type(value) is int:
        return float(value)
    if type(value) is not expected:
        value = "…" if key.endswith(("secret", "_key")) else value
        raise SettingsError(f"setting {key!r} is {value!r}; expected {expected.__name__}")
    return value
