"""A client of the Open Inference Protocol V2 over HTTP, binary by default (which alone carries NaN).

Decides nothing of its own: it turns tensors into requests and answers into tensors or errors of the tree. Works against
any V2 server: ours, KServe's runtimes, Triton.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
import msgspec

from setpoint.apis.errors import InvalidSpec, NotFound, NotSupported, SetpointError, Timeout, Unavailable
from setpoint.core.serving.messages import (
    HEADER_LENGTH,
    InferResponse,
    decode_response,
    encode_request,
    parse_json_length,
)
from setpoint.core.serving.tensors import Tensor


class InferenceClient:
    """One model behind one URL, such as an InferenceService's `status.url`; keeps its connections until closed."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        version: str | None = None,
        timeout_seconds: float = 30.0,
        client: str = "",
    ) -> None:
        """No connection is made yet. `url` is what comes before `/v2`; `client` is how the caller calls itself."""
        self._base = url.rstrip("/")
        self._model = f"{self._base}/v2/models/{quote(model, safe='')}"
        if version is not None:
            self._model += f"/versions/{quote(version, safe='')}"
        # Loopback and cluster addresses: a proxy of the environment has no business in between.
        headers = {"x-client-id": client} if client else None
        self._http = httpx.AsyncClient(timeout=timeout_seconds, trust_env=False, headers=headers)

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ready(self) -> bool:
        """Whether the model answers its readiness path with yes; False too if nothing answers at all."""
        try:
            response = await self._http.get(f"{self._model}/ready")
        except httpx.HTTPError:
            return False
        return response.status_code == 200

    async def metadata(self) -> dict[str, Any]:
        """The model's metadata. Raises: as `infer`."""
        response = await self._send("GET", self._model, None, {})
        found: dict[str, Any] = msgspec.json.decode(response.content)
        return found

    async def infer(
        self,
        inputs: Iterable[Tensor],
        *,
        outputs: Iterable[str] | None = None,
        request_id: str | None = None,
        binary: bool = True,
        parameters: Mapping[str, str | int | float | bool] | None = None,
    ) -> InferResponse:
        """The model's answer.

        Args:
            inputs: Tensors by the names of the model's metadata.
            outputs: Names of the outputs wanted; None means all.
            request_id: Echoed in the response; without one the server gives the answer an id.
            binary: Send and ask for bytes instead of JSON numbers.
            parameters: Of the request: `asset` and `event_time` say in the prediction log what was measured when.

        Raises: InvalidSpec for a request that the server refuses, NotFound for an unknown model or version,
            NotSupported, Timeout, Unavailable.
        """
        body = encode_request(inputs, request_id=request_id, outputs=outputs, binary=binary, parameters=parameters)
        headers = {"content-type": body.content_type}
        if body.json_length is not None:
            headers[HEADER_LENGTH] = str(body.json_length)
        response = await self._send("POST", f"{self._model}/infer", body.content, headers)
        length = parse_json_length(response.headers.get(HEADER_LENGTH), len(response.content))
        return decode_response(response.content, length)

    async def _send(self, method: str, url: str, content: bytes | None, headers: dict[str, str]) -> httpx.Response:
        try:
            response = await self._http.request(method, url, content=content, headers=headers)
        except httpx.TimeoutException as error:
            raise Timeout(f"{url} did not answer in time") from error
        except httpx.HTTPError as error:
            raise Unavailable(f"{url} cannot be reached: {error}") from error
        if response.status_code != 200:
            raise _error_of(response)
        return response


async def wait_ready(url: str, model: str, *, timeout_seconds: float) -> None:
    """Return when the model behind the URL is ready. Raises: Timeout."""
    async with InferenceClient(url, model, timeout_seconds=5.0) as client:
        try:
            async with asyncio.timeout(timeout_seconds):
                while not await client.ready():  # noqa: ASYNC110  another process has no event to wait for
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise Timeout(f"model {model!r} at {url} was not ready within {timeout_seconds:g} s") from error


def _error_of(response: httpx.Response) -> SetpointError:
    try:
        message = str(msgspec.json.decode(response.content)["error"])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        message = response.text[:200] or response.reason_phrase
    match response.status_code:
        case 404:
            return NotFound("model", f"{response.request.url}: {message}")
        case 501:
            return NotSupported(message)
        case 504:
            return Timeout(message)
        case code if 400 <= code < 500 and code != 429:
            return InvalidSpec(message)
        case code:
            return Unavailable(f"{response.request.url} answered {code}: {message}")
