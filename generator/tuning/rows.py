"""Rows for training and evaluation: a folder of parquet files in trl's conversational prompt/completion form.

examples.json                 what it was made from, counts, filters, SHA-256 of the files
train.parquet, development.parquet, test.parquet
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from core.errors import DataError, WeightsError
from core.files import new_folder, sha256_file
from generator.engines.control_tokens import inert, tokens_of
from generator.prompt import Source, messages

MANIFEST = "examples.json"
Split = Literal["train", "development", "test"]
SPLITS: tuple[Split, ...] = ("train", "development", "test")
_MAKE = "make the rows: citewell rows --csv F --index DIR --to {folder}"


@dataclass(frozen=True)
class Row:
    """A question over numbered sources, and what the generator should write."""

    group: str
    """The row's group: rows of one group are over the same sources."""
    question: str
    form: str
    """The form of the question: as in the file (template), plain, keywords, story, or another that `dataset` makes."""
    topic: str
    aspect: str
    sources: tuple[Source, ...]
    right: tuple[int, ...]
    """Numbers of the sources that the completion cites; none where it is the refusal."""
    completion: str

    @property
    def answerable(self) -> bool:
        return bool(self.right)

    def chat(self) -> list[dict[str, str]]:
        """The prompt as messages, exactly as it is built when answering."""
        return chat(self.question, self.sources)


def chat(question: str, sources: Sequence[Source]) -> list[dict[str, str]]:
    """The prompt for a question over sources, as messages of role and content."""
    from langchain_core.messages import convert_to_openai_messages

    return [
        {"role": str(message["role"]), "content": str(message["content"])}
        for message in convert_to_openai_messages(messages(question, sources), text_format="string")
    ]


class Conversation(Protocol):
    """A prompt with the answer to it."""

    @property
    def completion(self) -> str:
        """The answer."""

    def chat(self) -> list[dict[str, str]]:
        """The prompt as messages."""


@dataclass(frozen=True)
class Tokens:
    """A row as the model reads it: token ids, of which the first `prompt` are not trained on."""

    ids: tuple[int, ...]
    prompt: int


def write_rows(rows: Sequence[Row], target: Path) -> None:
    """One parquet file: `prompt` and `completion` for any trainer, and beside them what they were made of.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    Dataset.from_list(
        [
            {
                "prompt": row.chat(),
                "completion": [{"role": "assistant", "content": row.completion}],
                "group": row.group,
                "question": row.question,
                "form": row.form,
                "topic": row.topic,
                "aspect": row.aspect,
                "headings": [source.heading for source in row.sources],
                "texts": [source.text for source in row.sources],
                "right": list(row.right),
            }
            for row in rows
        ]
    ).to_parquet(target)


def write_folder(target: Path, rows: Mapping[Split, Sequence[Row]], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write the splits and a manifest with their `facts`; returns the manifest.

    Raises:
        OSError: the disk is full; `target` is then as it was before.
    """
    with new_folder(target, MANIFEST) as folder:
        for split in SPLITS:
            write_rows(rows[split], folder / f"{split}.parquet")
        files = {f"{split}.parquet": sha256_file(folder / f"{split}.parquet") for split in SPLITS}
        data = hashlib.sha256("".join(files[name] for name in sorted(files)).encode()).hexdigest()
        manifest = {**facts, "files": files, "data_sha256": data}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a folder of rows.

    Raises:
        DataError: no such folder, or it is not whole.
    """
    return manifest_of(folder / MANIFEST, ("files", "data_sha256", "csv_sha256"), _MAKE.format(folder=folder))


def manifest_of(path: Path, needed: Sequence[str], make: str) -> dict[str, Any]:
    """Return the manifest of a folder that was written to train from.

    Args:
        needed: the keys that it must have.
        make: what to do where it cannot be used, for the error's message.

    Raises:
        DataError: it is not there, or not whole.
    """
    try:
        manifest = dict(json.loads(path.read_text(encoding="utf-8")))
        _ = [manifest[key] for key in needed]
    except FileNotFoundError:
        raise DataError(f"no {path.name} in {path.parent}; {make}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error}); {make}") from error
    return manifest


def unaltered(path: Path, manifest: str, files: Mapping[str, str], make: str) -> Path:
    """The path of a file, once its hash is found to be that of its folder's manifest.

    Args:
        manifest: the manifest's name, and `make` what to do otherwise, for the error's message.
        files: file name -> SHA-256, as the manifest has them.

    Raises:
        DataError: the file is missing, or is not the one that was written.
    """
    expected = files.get(path.name, "nothing")
    found = sha256_file(path) if path.is_file() else "nothing"
    if found != expected or found == "nothing":
        raise DataError(f"{path} has SHA-256 {found[:12]}, {manifest} has {expected[:12]}; {make}")
    return path


def read_rows(folder: Path, split: Split) -> list[Row]:
    """The rows of one split, their file's hash checked.

    Raises:
        DataError: the folder or the file is missing, or the file is not the one that was written.
    """
    import pyarrow.parquet

    files = read_manifest(folder)["files"]
    path = unaltered(folder / f"{split}.parquet", MANIFEST, files, _MAKE.format(folder=folder))
    return [
        Row(
            group=row["group"],
            question=row["question"],
            form=row["form"],
            topic=row["topic"],
            aspect=row["aspect"],
            sources=tuple(Source(*source) for source in zip(row["headings"], row["texts"], strict=True)),
            right=tuple(row["right"]),
            completion=row["completion"][0]["content"],
        )
        for row in pyarrow.parquet.read_table(path).to_pylist()
    ]


def tokenise(rows: Sequence[Conversation], tokenizer: Any) -> list[Tokens]:
    """Token ids of each row under the tokenizer's own chat template, the stop token trained with the completion.

    Raises:
        WeightsError: the chat template does not close an answer with the stop token: a model that is trained with it
            never learns to stop.
    """
    tokens = []
    for row in rows:
        chat = row.chat()
        prompt = _ids(tokenizer, chat, add_generation_prompt=True)
        whole = _ids(tokenizer, [*chat, {"role": "assistant", "content": row.completion}])
        if whole[: len(prompt)] != prompt:
            raise WeightsError(
                f"the chat template of {tokenizer.name_or_path} writes a prompt otherwise once it is answered; "
                "expected one whose prompt is a beginning of the whole conversation"
            )
        if tokenizer.eos_token_id not in whole[len(prompt) :]:
            raise WeightsError(
                f"the chat template of {tokenizer.name_or_path} does not close an answer with the stop token "
                f"{tokenizer.eos_token!r}; add it to the template, or the tuned model will not stop"
            )
        end = max(n for n, token in enumerate(whole) if token == tokenizer.eos_token_id) + 1
        tokens.append(Tokens(tuple(whole[:end]), len(prompt)))  # a line break after the stop token is never written
    return tokens


def _ids(tokenizer: Any, chat: list[dict[str, str]], add_generation_prompt: bool = False) -> list[int]:
    chat = inert(chat, tokens_of(tokenizer))
    return list(tokenizer.apply_chat_template(chat, add_generation_prompt=add_generation_prompt)["input_ids"])
