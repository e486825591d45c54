"""The parts of a pod as the Kubernetes API types them, each field known and unknown ones refused.

`apis.argo.pod_spec` has the lenient form, which engines read and in which patches are laid over each other.
"""

from setpoint.apis.podspec.containers import Container, EnvVar, ResourceRequirements
from setpoint.apis.podspec.spec import PodSpec, PodTemplateSpec
from setpoint.apis.podspec.volumes import Volume

__all__ = ["Container", "EnvVar", "PodSpec", "PodTemplateSpec", "ResourceRequirements", "Volume"]
