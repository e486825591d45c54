"""What pods are given to reach the API with; apart from `ports.access`, for every engine that starts pods sees it."""

from __future__ import annotations

from typing import Protocol

from setpoint.apis.pods import PodRequest


class PodCredentials(Protocol):
    """What pods are given to reach the API as on a cluster."""

    async def give(self, request: PodRequest, account: str, *, automount: bool | None) -> PodRequest:
        """The request with the files and variables that in-cluster configuration reads.

        `account` is the pod's service account, `automount` what the pod's own spec says of it; None: the account says.
        """
        ...
