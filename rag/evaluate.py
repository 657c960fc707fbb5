"""`python -m rag.evaluate`, from when this command was a module of this package."""

from runpy import run_module

run_module("evaluation.search", run_name="__main__")
