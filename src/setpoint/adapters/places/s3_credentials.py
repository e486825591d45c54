"""Credentials for S3 that no secret holds: those of the SDK's own chain, or of a role that they may assume.

Both by boto3, which is an extra: environment, profiles, web identity and the machine's own role are its to know.
Source: Argo's S3Artifact, `useSDKCreds` and `roleARN`.
"""

from __future__ import annotations

from typing import Any

from setpoint.apis.errors import Forbidden, NotSupported

_SESSION_NAME = "setpoint"
_ANSWERED = {"accessKey": "AccessKeyId", "secretKey": "SecretAccessKey", "sessionToken": "SessionToken"}


def with_credentials(settings: dict[str, str]) -> dict[str, str]:
    """The settings of a place with the keys that a role or the SDK gives, where one of them is wanted.

    Keys of its own come first, then the role. Raises: NotSupported without boto3; Forbidden: There are none.
    """
    if settings.get("accessKey") or not (settings.get("roleARN") or settings.get("useSDKCreds")):
        return settings
    boto3 = _boto3()
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        session = boto3.Session(region_name=settings.get("region") or None)
        keys = _assumed(session, settings["roleARN"]) if settings.get("roleARN") else _own(session)
    except (BotoCoreError, ClientError) as error:
        raise Forbidden(f"no credentials for s3: {error}") from None
    return {**settings, **keys}


def _own(session: Any) -> dict[str, str]:
    found = session.get_credentials()
    if found is None:
        raise Forbidden(
            "s3.useSDKCreds: the SDK finds no credentials: no variables, no profile, no role of the machine"
        )
    frozen = found.get_frozen_credentials()
    keys = {"accessKey": frozen.access_key, "secretKey": frozen.secret_key}
    return keys | ({"sessionToken": frozen.token} if frozen.token else {})


def _assumed(session: Any, role: str) -> dict[str, str]:
    client = session.client("sts", region_name=session.region_name or "us-east-1")
    try:
        answer = client.assume_role(RoleArn=role, RoleSessionName=_SESSION_NAME)["Credentials"]
    finally:
        client.close()
    return {name: answer[key] for name, key in _ANSWERED.items()}


def _boto3() -> Any:
    try:
        import boto3  # noqa: PLC0415
    except ImportError:
        raise NotSupported("s3.useSDKCreds and s3.roleARN need boto3: pip install 'setpoint[aws]'") from None
    return boto3
