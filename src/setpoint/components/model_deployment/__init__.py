"""Putting a model version into service, and putting the champion back."""

from setpoint.components.model_deployment.deployment import Deployed, deploy_model
from setpoint.components.model_deployment.rollback import RolledBack, roll_back_model

__all__ = ["Deployed", "RolledBack", "deploy_model", "roll_back_model"]
