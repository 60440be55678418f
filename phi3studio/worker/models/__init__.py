"""Base models: found, downloaded, converted, and looked into before anything is loaded.

Also the models service (``service models``), the only part of the program that asks a hub.
"""

from phi3studio.worker.models.model_facts import ModelFacts, check_against_model, model_facts
from phi3studio.worker.models.models_service import handlers
from phi3studio.worker.models.resolve import resolve_model
from phi3studio.worker.models.starter import STARTER_REQUIREMENT, STARTER_SHA256, make_starter

__all__ = [
    "STARTER_REQUIREMENT",
    "STARTER_SHA256",
    "ModelFacts",
    "check_against_model",
    "handlers",
    "make_starter",
    "model_facts",
    "resolve_model",
]
