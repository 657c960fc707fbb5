"""`python -m rag.audit`, from when this command was a module of this package."""

from runpy import run_module

run_module("evaluation.audit", run_name="__main__")
