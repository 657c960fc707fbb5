"""`python -m generator.examples`, from when this command was a module of this package."""

from runpy import run_module

run_module("dataset.__main__", run_name="__main__")
