"""What the server serves: a model behind tensors, so that the protocol knows nothing of windows, classes or files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from setpoint.core.serving.tensors import Array, Tensor, TensorSpec


class Servable(Protocol):
    """A loaded model. `infer` is called from one thread at a time."""

    @property
    def platform(self) -> str:
        """The protocol's `platform`, such as `setpoint_lightgbm`."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What else clients may want to know, for the metadata: the input's columns, the classes."""
        ...

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What `infer` takes, all of it."""
        ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What `infer` gives."""
        ...

    def infer(self, inputs: Mapping[str, Array]) -> tuple[Tensor, ...]:
        """The outputs for checked inputs. Raises: InvalidSpec if the values (not the shapes) cannot be used."""
        ...
