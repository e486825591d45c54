"""The HTTP surface of the model server: Open Inference Protocol V2, KServe's extras, V1 predict and `/metrics`.

Decides only which path means what and which error becomes which status; a bare ASGI application, because a router and
request objects would cost more than the protocol itself. Invariant: every answer that is not 2xx is a JSON object with
`error`, whatever went wrong.
Source: Open Inference Protocol V2 REST; KServe's error mapping (400, 404, 501, 503, else 500).
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote

import msgspec

from setpoint import __version__
from setpoint.apis.errors import InvalidSpec, NotFound, NotSupported, SetpointError, Timeout, Transient
from setpoint.core.serving.messages import (
    CONTENT_JSON,
    HEADER_LENGTH,
    InferRequest,
    decode_request,
    encode_response,
    parse_json_length,
)
from setpoint.core.serving.tensors import Tensor, TensorSpec, decode_instances, encode_json
from setpoint.modelserver.metrics import CONTENT_TYPE
from setpoint.modelserver.service import ModelService

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)

EXTENSIONS = ("binary_tensor_data", "model_repository")

_encode = msgspec.json.Encoder().encode


class _Instances(msgspec.Struct):
    """Protocol V1's request."""

    instances: msgspec.Raw


_decode_instances = msgspec.json.Decoder(_Instances).decode


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes
    content_type: str = CONTENT_JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class _HttpError(Exception):
    """An error that only HTTP knows: no such path, wrong method, body too large."""

    def __init__(self, status: int, message: str, *headers: tuple[bytes, bytes]) -> None:
        self.answer = Answer(status, _encode({"error": message}), headers=headers)
        super().__init__(message)


def status_of(error: SetpointError) -> int:
    """The HTTP status of an error of the tree."""
    match error:
        case NotSupported():
            return 501
        case InvalidSpec():
            return 400
        case NotFound():
            return 404
        case Timeout():
            return 504
        case Transient():
            return 503
        case _:
            return 500


class ModelServerApp:
    """The ASGI application over one `ModelService`."""

    def __init__(self, service: ModelService, *, max_body_bytes: int) -> None:
        """Bodies above the limit are refused with 413 before they are read whole."""
        self._service = service
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive)
        except _HttpError as error:
            answer = error.answer
        except SetpointError as error:
            answer = _error_answer(error)
        except Exception as error:  # one request's supervision point
            logger.exception("%s %s failed", scope["method"], scope["path"])
            answer = Answer(500, _encode({"error": f"internal error: {type(error).__name__}"}))
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", str(len(answer.body)).encode()),
            *answer.headers,
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path: str = scope["raw_path"].decode("ascii", "replace") if scope.get("raw_path") else scope["path"]
        parts = path.partition("?")[0].strip("/").split("/")
        match parts:
            case ["v2", "models", *rest] if rest:
                return await self._model_path([unquote(part) for part in rest], scope, receive)
            case ["v2", "repository", *rest]:
                return self._repository(rest, scope)
            case ["v1", "models", *rest]:
                return await self._v1([unquote(part) for part in rest], scope, receive)
            case _:
                _require(scope, "GET", "HEAD")
                return self._fixed(parts)

    def _fixed(self, parts: list[str]) -> Answer:
        service = self._service
        match parts:
            case ["v2"]:
                return _json({"name": "setpoint", "version": __version__, "extensions": EXTENSIONS})
            case ["v2", "health", "live"]:
                return _json({"live": True})
            case ["v2", "health", "ready"]:
                ready = service.ready
                # The text of the protocol says `live` here, KServe answers `ready`: clients of both are served.
                body = {"ready": ready, "live": ready}
                return _json(body) if ready else _json(body | {"error": "not ready"}, status=503)
            case ["v2", "models"]:
                return _json({"models": [service.name]})
            case ["metrics"]:
                return Answer(200, service.metrics.render(), CONTENT_TYPE)
            case ["" | "healthz"]:
                return _json({"status": "alive"})
            case _:
                raise _HttpError(404, f"no such path /{'/'.join(parts)}")

    async def _model_path(self, parts: list[str], scope: Scope, receive: Receive) -> Answer:
        version: str | None = None
        if len(parts) >= 3 and parts[1] == "versions":
            version = parts[2]
            parts = [parts[0], *parts[3:]]
        match parts:
            case [name, "infer"]:
                _require(scope, "POST")
                return await self._infer(name, version, scope, receive)
            case [name]:
                _require(scope, "GET", "HEAD")
                self._service.check(name, version)
                return _json(self._metadata())
            case [name, "ready"]:
                _require(scope, "GET", "HEAD")
                self._service.check(name, version)
                ready = self._service.ready
                body: dict[str, Any] = {"name": name, "ready": ready}
                return _json(body) if ready else _json(body | {"error": f"model {name!r} is not ready"}, status=503)
            case [name, ("generate" | "generate_stream" | "explain") as verb]:
                self._service.check(name, version)
                raise NotSupported(f"model {name!r} does not {verb.replace('_', ' ')}")
            case _:
                raise _HttpError(404, f"no such path /v2/models/{'/'.join(parts)}")

    def _metadata(self) -> dict[str, Any]:
        model = self._service.model()
        version = self._service.version
        return {
            "name": self._service.name,
            "versions": [] if version is None else [version],
            "platform": model.platform,
            "inputs": [_spec(item) for item in model.inputs],
            "outputs": [_spec(item) for item in model.outputs],
            "parameters": dict(model.parameters),
        }

    async def _infer(self, name: str, version: str | None, scope: Scope, receive: Receive) -> Answer:
        metrics = self._service.metrics
        try:
            self._service.check(name, version)
            self._service.model()
            body, length = await self._body(scope, receive)
            started = time.perf_counter()
            request = decode_request(body, parse_json_length(length, len(body)))
            decoded = time.perf_counter()
            metrics.preprocess.observe(decoded - started)
            response = await self._service.infer(request)
            predicted = time.perf_counter()
            encoded = encode_response(response, request)
            done = time.perf_counter()
            metrics.postprocess.observe(done - predicted)
            metrics.duration.observe(done - started)
        except _HttpError as error:
            metrics.failed(error.answer.status)
            raise
        except SetpointError as error:
            metrics.failed(status_of(error))
            raise
        except Exception:
            metrics.failed(500)
            raise
        metrics.success.inc()
        if encoded.json_length is None:
            return Answer(200, encoded.content)
        header = (HEADER_LENGTH.lower().encode(), str(encoded.json_length).encode())
        return Answer(200, encoded.content, encoded.content_type, (header,))

    async def _v1(self, parts: list[str], scope: Scope, receive: Receive) -> Answer:
        service = self._service
        match parts:
            case []:
                _require(scope, "GET", "HEAD")
                return _json({"models": [service.name]})
            case [target] if ":" in target:
                name, _, verb = target.rpartition(":")
                _require(scope, "POST")
                service.check(name, None)
                if verb != "predict":
                    raise NotSupported(f"protocol V1: {verb!r} is not done, only predict")
                return await self._predict_v1(scope, receive)
            case [name]:
                _require(scope, "GET", "HEAD")
                service.check(name, None)
                return _json({"name": name, "ready": service.ready}, status=200 if service.ready else 503)
            case _:
                raise _HttpError(404, f"no such path /v1/models/{'/'.join(parts)}")

    async def _predict_v1(self, scope: Scope, receive: Receive) -> Answer:
        body, _ = await self._body(scope, receive)
        spec = self._service.model().inputs[0]
        try:
            instances = _decode_instances(body).instances
        except msgspec.MsgspecError as error:
            raise InvalidSpec(f"malformed predict request: {error}") from error
        array = decode_instances(instances, spec=spec, where="instances")
        tensor = Tensor(name=spec.name, datatype=spec.datatype, array=array)
        response = await self._service.infer(InferRequest(inputs=(tensor,)))
        return _json({"predictions": encode_json(response.outputs[0])})

    def _repository(self, parts: list[str], scope: Scope) -> Answer:
        _require(scope, "POST")
        service = self._service
        match parts:
            case ["index"]:
                entry = {"name": service.name, "state": "READY" if service.ready else "UNAVAILABLE", "reason": ""}
                return _json([entry | ({"version": service.version} if service.version else {})])
            case ["models", name, ("load" | "unload") as verb]:
                service.check(unquote(name), None)
                raise NotSupported(f"{verb}: this server holds one model for as long as it lives")
            case _:
                raise _HttpError(404, f"no such path /v2/repository/{'/'.join(parts)}")

    async def _body(self, scope: Scope, receive: Receive) -> tuple[bytes, str | None]:
        json_length: str | None = None
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > self._max_body_bytes:
                raise self._too_large()
            if name == b"inference-header-content-length":
                json_length = value.decode("latin-1")
            if name == b"content-encoding" and value != b"identity":
                raise _HttpError(415, f"content encoding {value.decode('latin-1')!r} is not read; send it plain")
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            body: bytes = message.get("body", b"")
        else:
            body = await self._rest(message, receive)
        if len(body) > self._max_body_bytes:
            raise self._too_large()
        return body, json_length

    async def _rest(self, message: MutableMapping[str, Any], receive: Receive) -> bytes:
        chunks = bytearray()
        while True:
            if message["type"] == "http.disconnect":
                raise _HttpError(400, "the client went away before its body was whole")
            chunks += message.get("body", b"")
            if len(chunks) > self._max_body_bytes:
                raise self._too_large()
            if not message.get("more_body"):
                return bytes(chunks)
            message = await receive()

    def _too_large(self) -> _HttpError:
        # The rest of the body is not read, so the connection cannot be used again.
        return _HttpError(413, f"the body exceeds {self._max_body_bytes} bytes", (b"connection", b"close"))


def _require(scope: Scope, *methods: str) -> None:
    if scope["method"] not in methods:
        allow = ", ".join(methods)
        raise _HttpError(405, f"{scope['method']} is not allowed here, only {allow}", (b"allow", allow.encode()))


def _json(value: Any, *, status: int = 200) -> Answer:
    return Answer(status, _encode(value))


def _spec(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}


def _error_answer(error: SetpointError) -> Answer:
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if isinstance(error, Transient) and error.retry_after is not None:
        headers = ((b"retry-after", str(math.ceil(error.retry_after.total_seconds())).encode()),)
    return Answer(status_of(error), _encode({"error": str(error)}), headers=headers)
