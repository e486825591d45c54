"""Whether a model server is ready, asked without the tensor code: the control plane asks it several times a second."""

from __future__ import annotations

_PROBE_SECONDS = 2.0


async def probe_ready(url: str, model: str) -> bool:
    """Whether the model behind the URL is ready, asked once and soon answered; False if nothing answers."""
    import httpx  # noqa: PLC0415  most runs serve no model, and it takes long to import

    async with httpx.AsyncClient(timeout=_PROBE_SECONDS, trust_env=False) as http:
        try:
            answer = await http.get(f"{url.rstrip('/')}/v2/models/{model}/ready")
        except httpx.HTTPError:
            return False
    return answer.status_code == httpx.codes.OK
