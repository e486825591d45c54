"""One model's life in the server: loading, ready, draining; a bounded queue in front of one computing thread.

Decides who may infer and when: nobody before the model is loaded and its golden rows agree, and nobody beyond the
queue's limit (shed at once, rather than answered late). A short computation with nobody waiting is done on the event
loop itself. Draining only takes readiness away: a request that still gets in is answered, so that none is lost while a
router turns elsewhere. Knows no HTTP. Invariant: `depth` counts exactly the requests between admission and answer.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from setpoint.apis.errors import InvalidSpec, NotFound, Throttled, Unavailable
from setpoint.core.serving.messages import InferRequest, InferResponse
from setpoint.core.serving.tensors import Array, Tensor
from setpoint.modelserver.metrics import ServerMetrics
from setpoint.modelserver.servable import Servable

INLINE_SECONDS = 0.0005  # a request that is expected to take less is computed on the event loop itself


class ModelService:
    """The served model; `name` and `version` are what the paths say."""

    def __init__(self, *, name: str, version: str | None, max_queue: int, metrics: ServerMetrics) -> None:
        """Starts without a model: not ready until `put` is called."""
        self.name = name
        self.version = version
        self.metrics = metrics
        self.depth = 0
        self._max_queue = max_queue
        self._model: Servable | None = None
        self._draining = False
        self._row_seconds = math.inf  # a running mean of seconds per row; unknown before the first request
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="predict")

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        return self._model is not None and not self._draining

    def put(self, model: Servable) -> None:
        """Serve this model from now on."""
        self._model = model
        self.metrics.ready.set(1)

    def drain(self) -> None:
        """Not ready any more, for good."""
        self._draining = True
        self.metrics.ready.set(0)

    def close(self) -> None:
        """End the computing thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def check(self, name: str, version: str | None) -> None:
        """NotFound unless the path names this model (and, if it names a version, this version)."""
        if name != self.name:
            raise NotFound("model", name)
        if version is not None and version != self.version:
            raise NotFound("model version", f"{name}/{version}")

    def model(self) -> Servable:
        """The model. Raises: Unavailable while it loads."""
        if self._model is None:
            raise Unavailable(f"model {self.name!r} is loading", retry_after=timedelta(seconds=1))
        return self._model

    async def infer(self, request: InferRequest) -> InferResponse:
        """Answer the request in the computing thread; without an id of its own it is given one.

        Raises: Unavailable if not ready, Throttled if the queue is full, InvalidSpec if names, datatypes, shapes or
            values do not fit the model.
        """
        model = self.model()
        inputs = check_inputs(request, model)
        if self.depth >= self._max_queue:
            self.metrics.shed.inc()
            raise Throttled(f"{self.depth} requests wait already", retry_after=timedelta(seconds=1))
        self.depth += 1
        self.metrics.queue.set(self.depth)
        rows = request.inputs[0].shape[0] if request.inputs[0].shape else 1
        try:
            if self.depth == 1 and self._row_seconds * rows < INLINE_SECONDS:
                # Handing it to the thread and back would take longer than the answer, and nobody waits.
                outputs = self._timed(model, inputs, rows)
            else:
                loop = asyncio.get_running_loop()
                outputs = await loop.run_in_executor(self._thread, self._timed, model, inputs, rows)
        finally:
            self.depth -= 1
            self.metrics.queue.set(self.depth)
        self.metrics.rows.inc(rows)
        # Every answer can be spoken of later, to say what was true; 8 bytes never meet twice in one log.
        request_id = request.id or secrets.token_hex(8)
        return InferResponse(model_name=self.name, model_version=self.version, id=request_id, outputs=outputs)

    def _timed(self, model: Servable, inputs: Mapping[str, Array], rows: int) -> tuple[Tensor, ...]:
        started = time.perf_counter()
        outputs = model.infer(inputs)
        seconds = time.perf_counter() - started
        self.metrics.predict.observe(seconds)
        # The whole time counts as the rows' own: the estimate errs towards the thread for larger requests.
        latest = seconds / max(rows, 1)
        known = self._row_seconds < math.inf
        self._row_seconds = 0.9 * self._row_seconds + 0.1 * latest if known else latest
        return outputs


def check_inputs(request: InferRequest, model: Servable) -> dict[str, Array]:
    """The request's arrays by name. Raises: InvalidSpec, at the field, for whatever does not fit the model."""
    specs = {spec.name: spec for spec in model.inputs}
    for index, tensor in enumerate(request.inputs):
        where = f"inputs[{index}]"
        spec = specs.pop(tensor.name, None)
        if spec is None:
            names = tuple(item.name for item in model.inputs)
            raise InvalidSpec(f"the model has no input {tensor.name!r}", path=f"{where}.name", allowed=names)
        if tensor.datatype != spec.datatype:
            raise InvalidSpec(
                f"input {tensor.name!r} is {tensor.datatype}, the model takes {spec.datatype}", path=f"{where}.datatype"
            )
        if not spec.admits(tensor.shape):
            raise InvalidSpec(
                f"input {tensor.name!r} has shape {list(tensor.shape)}, the model takes {list(spec.shape)}",
                path=f"{where}.shape",
            )
    if specs:
        raise InvalidSpec(f"missing input {next(iter(specs))!r}", path="inputs")
    known = tuple(item.name for item in model.outputs)
    for index, name in enumerate(request.outputs or ()):
        if name not in known:
            raise InvalidSpec(f"the model has no output {name!r}", path=f"outputs[{index}].name", allowed=known)
    return {tensor.name: tensor.array for tensor in request.inputs}
