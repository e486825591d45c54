"""Retries of a template. Source: argoproj.io/v1alpha1 RetryStrategy, Backoff."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from setpoint.apis.argo.scalars import IntOrString
from setpoint.apis.meta import Wire


class RetryPolicy(StrEnum):
    """Which ends of an attempt call for another."""

    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"
    ON_ERROR = "OnError"
    ON_TRANSIENT_ERROR = "OnTransientError"


class Backoff(Wire, frozen=True, kw_only=True):
    """Waits between attempts: duration * factor**(attempts-1), at most `cap`.

    Durations are whole seconds or Go duration text.
    """

    duration: str = ""
    factor: IntOrString | None = None
    cap: str = ""
    max_duration: str = ""


class RetryAffinity(Wire, frozen=True, kw_only=True):
    """Keeps a retry off the host of the failed attempt."""

    node_anti_affinity: dict[str, Any] | None = None


class RetryStrategy(Wire, frozen=True, kw_only=True):
    """How often and when a template is tried again.

    `retry_policy` stays text so that lint can name a wrong one with its place; `limit` n means n+1 attempts at most,
    None for ever.
    """

    limit: IntOrString | None = None
    retry_policy: str = ""
    backoff: Backoff | None = None
    expression: str = ""
    affinity: RetryAffinity | None = None

    @property
    def effective_policy(self) -> RetryPolicy:
        """The policy in force: Always where only an expression is given, else OnFailure by default.

        Raises: ValueError if `retry_policy` is none of Argo's words (lint refuses those before).
        """
        if self.retry_policy:
            return RetryPolicy(self.retry_policy)
        return RetryPolicy.ALWAYS if self.expression else RetryPolicy.ON_FAILURE
