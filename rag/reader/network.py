"""The reader's network: a BERT over question and passage, with a head for the passage and one for each sentence.

The base is the embedder's own MiniLM, whose word embeddings stay as they are, so that only what was trained is shipped.
The passage's grade has an ordinal head: one logit for each of "at least 1", "at least 2", "at least 3" (Frank and Hall
2001, "A Simple Approach to Ordinal Classification"), each read from the whole row's vector.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import BertModel

from core.errors import WeightsError
from index.embedders.weights import EmbedderWeights
from rag.reader.folder import MAKE_AGAIN, TENSORS, ReaderFolder
from rag.reader.inputs import GRADES

DROPOUT = 0.1


class ReaderNetwork(nn.Module):
    """Reads rows (`rag.reader.inputs.batch`).

    Args:
        base: the folder of the BERT to begin with.
    """

    def __init__(self, base: Path) -> None:
        super().__init__()
        self.bert = BertModel.from_pretrained(str(base), add_pooling_layer=False, attn_implementation="sdpa")
        self.bert.embeddings.requires_grad_(False)
        size = self.bert.config.hidden_size
        self.pool = nn.Linear(size, size)
        self.grade = nn.Linear(size, GRADES)
        self.sentence = nn.Linear(2 * size, size)
        self.answers = nn.Linear(size, 1)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(
        self, input_ids: torch.Tensor, token_type_ids: torch.Tensor, attention_mask: torch.Tensor, spans: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of grades, shape (rows, 3), and of sentences, shape (rows, sentences)."""
        states = self.bert(
            input_ids=input_ids, token_type_ids=token_type_ids, attention_mask=attention_mask
        ).last_hidden_state
        whole = states[:, 0]
        grades = self.grade(self.dropout(torch.tanh(self.pool(whole))))
        means = spans.to(states.dtype) @ states
        beside = torch.cat([means, whole[:, None].expand(-1, means.shape[1], -1)], dim=-1)
        sentences = self.answers(torch.tanh(self.sentence(self.dropout(beside)))).squeeze(-1)
        return grades, sentences

    def trained(self) -> dict[str, torch.Tensor]:
        """The tensors that training changes: all but the word embeddings."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("bert.embeddings.")}


def load_network(reader: ReaderFolder, base: EmbedderWeights) -> ReaderNetwork:
    """The network of a reader's folder, over the base's word embeddings.

    Raises:
        WeightsError: it was trained over other weights, or does not fit the network.
    """
    reader.check_base(base)
    network = ReaderNetwork(base.folder)
    trained = {name: value.float() for name, value in load_file(reader.folder / TENSORS).items()}
    if wrong := network.trained().keys() ^ trained.keys():
        raise WeightsError(f"{reader.folder / TENSORS} does not fit the network: {min(wrong)}; {MAKE_AGAIN}")
    network.load_state_dict(trained, strict=False)
    return network
