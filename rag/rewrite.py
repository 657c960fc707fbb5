"""`python -m rag.rewrite`, from when this command was a module of this package."""

from runpy import run_module

run_module("dataset.rewrite", run_name="__main__")
