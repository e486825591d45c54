"""Setpoint: Argo Workflow and KServe manifests on one machine, for the models of an industrial plant."""

__version__ = "0.1.0"
