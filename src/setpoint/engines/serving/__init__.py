"""The serving engine: InferenceServices become model servers behind the gateway."""

from setpoint.engines.serving.engine import Probe, Routes, ServingEngine, ServingSettings
from setpoint.engines.serving.gateway import GatewayKeeper

__all__ = ["GatewayKeeper", "Probe", "Routes", "ServingEngine", "ServingSettings"]
