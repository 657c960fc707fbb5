"""`python -m rag.verify`, from when this command was a module of this package."""

from runpy import run_module

run_module("evaluation.verdicts", run_name="__main__")
