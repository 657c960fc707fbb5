"""Engines that write text: OpenVINO or transformers in this process, or a server; and which one is meant.

Add one by writing a module with a class that has the members of `Engine`, and naming it in `load_engine`.
"""

from core.errors import EngineError, SettingsError
from core.libraries import cuda_available
from core.progress import log
from core.settings import GeneratorSettings
from generator.adapters import prepare_tuned
from generator.engines.base import Engine


def load_engine(settings: GeneratorSettings) -> Engine:
    """The engine that the settings name; where `auto` means `openvino` and that cannot run, `transformers`.

    Raises:
        SettingsError: unknown engine or quant; `openai` without a URL and a model name.
        WeightsError: the base weights or the adapter cannot be had, or do not go together.
        EngineError: the engine that the settings name by name does not start.
    """
    name = engine_name(settings)
    if name == "openvino":
        prepare_tuned(settings)  # a fault of weights or adapter is one for every engine, and reported once
        try:
            from generator.engines.openvino import OpenVinoEngine

            return OpenVinoEngine(settings)
        except (EngineError, ImportError) as error:
            if settings.engine != "auto":
                raise
            log.warning(f"notice: answering with transformers, which is slower: {error}")
            name = "transformers"
    if name == "transformers":
        from generator.engines.transformers import TransformersEngine

        return TransformersEngine(settings)
    if name == "openai":
        from generator.engines.openai import OpenAIEngine

        return OpenAIEngine(settings)
    raise SettingsError(f"unknown generator.engine {name!r}; expected auto, openvino, transformers or openai")


def engine_name(settings: GeneratorSettings) -> str:
    """The engine that `auto` chooses on this machine: a server if one is named, transformers on CUDA, else OpenVINO."""
    if settings.engine != "auto":
        return settings.engine
    if settings.base_url:
        return "openai"
    on_cuda = settings.device == "cuda" or (settings.device == "auto" and cuda_available())
    return "transformers" if on_cuda else "openvino"
