"""Control tokens, such as `<|im_end|>`: in texts from outside they are words like others, and never tokens.

A tokenizer reads a control token wherever its letters stand, and the chat template puts texts in as they are. So a row
of a file could end its turn and begin another. Here a space after the first character makes two tokens of the letters.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from generator.engines.base import Chat

KNOWN = (
    *("<|", "<｜", "<s>", "</s>", "<bos>", "<eos>", "<pad>", "<unk>", "<mask>", "<sop>", "<eop>", "[gMASK]"),
    *("<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "<image>"),
    *("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"),
    *("[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[THINK]"),
    *("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>", "[CLS]", "[SEP]"),
)
"""Control tokens, and how they begin, in the templates of Qwen, Llama, Mistral, Gemma, DeepSeek, Phi and GLM: for a
server, whose tokenizer is not at hand."""


def added_tokens(folder: Path) -> tuple[str, ...]:
    """The tokens that a checkpoint's tokenizer reads wherever their letters stand; none where it has no tokenizer.json.

    Source of the format: https://huggingface.co/docs/tokenizers/api/added-tokens
    """
    file = folder / "tokenizer.json"
    if not file.is_file():
        return ()
    return _readable(token["content"] for token in json.loads(file.read_text(encoding="utf-8"))["added_tokens"])


def tokens_of(tokenizer: object) -> tuple[str, ...]:
    """The same of a tokenizer of transformers."""
    added: dict[int, object] = getattr(tokenizer, "added_tokens_decoder", {})
    return _readable(str(token) for token in added.values())


def inert(chat: Chat, tokens: Iterable[str]) -> Chat:
    """The chat with every one of the tokens in its contents split in two."""
    return [{**message, "content": split(message["content"], tokens)} for message in chat]


def split(text: str, tokens: Iterable[str]) -> str:
    """The text with a space after the first character of each of the tokens."""
    found = [token for token in tokens if token in text]
    while found:  # what stood around a token may be one, too
        for token in found:
            text = text.replace(token, f"{token[0]} {token[1:]}")
        found = [token for token in found if token in text]
    return text


def _readable(tokens: Iterable[str]) -> tuple[str, ...]:
    """Those that are more than white space or one letter; some tokenizers have runs of spaces among them."""
    return tuple(sorted((token for token in tokens if len(token.strip()) > 1), key=len, reverse=True))
