"""Watches torch for products of matrices, and the format that they are computed in."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "matmul", "linear", "mkldnn_linear", "convolution")
ATTENTION = "scaled_dot_product"


class Products(TorchDispatchMode):
    """Counts the products of matrices, and those in bf16."""

    def __init__(self) -> None:
        super().__init__()
        self.all = 0
        self.in_bf16: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in PRODUCTS or ATTENTION in name:
            self.all += 1
            if any(isinstance(each, torch.Tensor) and each.dtype == torch.bfloat16 for each in args):
                self.in_bf16.append(name)
        return func(*args, **(kwargs or {}))
