"""An S3 server in a process of its own, which checks signatures, with a bucket that one user may read."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx

from setpoint.apis.core import Secret
from setpoint.apis.meta import ObjectMeta
from tests.certificates import Pair
from tests.workflow_engine import Plane

BUCKET = "plant"
_REGION = "eu-central-1"
_MAY_READ = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","sts:*","iam:*"],"Resource":"*"}]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStore:
    """Where it answers, the variables by which a client finds it, and the file in which it notes its requests."""

    url: str
    environment: dict[str, str]
    record: Path
    authority: Path | None = None

    @property
    def host(self) -> str:
        """Host and port."""
        return self.url.partition("://")[2]

    @property
    def fields(self) -> str:
        """What an s3 artifact says of the bucket, in YAML; its keys are those of `keep_keys`."""
        insecure = "true" if self.url.startswith("http://") else "false"
        return (
            f"bucket: {BUCKET}, endpoint: '{self.host}', insecure: {insecure}, region: {_REGION}, "
            "accessKeySecret: {name: creds, key: access}, secretKeySecret: {name: creds, key: secret}"
        )

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A client that sees what is stored."""
        own = self.environment
        keys = {"aws_access_key_id": own["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": own["AWS_SECRET_ACCESS_KEY"]}
        s3 = _client("s3", self.url, self.authority, keys)
        try:
            yield s3
        finally:
            s3.close()

    def role(self) -> str:
        """The name of a role that the user may assume, which may do what the user may."""
        own = self.environment
        keys = {"aws_access_key_id": own["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": own["AWS_SECRET_ACCESS_KEY"]}
        iam = _client("iam", self.url, self.authority, keys)
        made = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=_MAY_READ)["Role"]
        iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=_MAY_READ)
        iam.close()
        return str(made["Arn"])

    def headers(self, method: str, path: str) -> dict[str, str]:
        """The headers of the last such request, their names in lower case."""
        requests = [json.loads(line) for line in self.record.read_text().splitlines()]
        found = [one["headers"] for one in requests if one["method"] == method and httpx.URL(one["url"]).path == path]
        return {name.lower(): text for name, text in found[-1].items()}


async def keep_keys(plane: Plane, store: ObjectStore) -> None:
    """Put the keys of the bucket into the secret `creds`."""
    own = {"access": store.environment["AWS_ACCESS_KEY_ID"], "secret": store.environment["AWS_SECRET_ACCESS_KEY"]}
    meta = ObjectMeta(name="creds", namespace="default")
    await plane.resources.create(Secret(metadata=meta, string_data=own))


@contextmanager
def object_store(
    folder: Path, objects: Mapping[str, bytes], *, tls: Pair | None = None, authority: Path | None = None
) -> Iterator[ObjectStore]:
    """Serve `objects` by key from the bucket until the context ends; with `tls`, which `authority` signed, by https."""
    log, record = folder / "object-store.log", folder / "object-store.requests"
    words = ["-H", "127.0.0.1", "-p", "0"] + (["-c", str(tls.certificate), "-k", str(tls.key)] if tls else [])
    command = [sys.executable, "-c", f"from moto.server import main; main({words!r})"]
    with log.open("wb") as output:
        # A date in the future of what is installed is no fault of the server: its warnings stay in its log.
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "default"}
        environment |= {"MOTO_ENABLE_RECORDING": "1", "MOTO_RECORDER_FILEPATH": str(record)}
        server = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        url = _url(log, server)
        keys = _fill(url, objects, authority)
        variables = {**keys, "AWS_REGION": _REGION, "AWS_ENDPOINT_URL": url}
        yield ObjectStore(url=url, environment=variables, record=record, authority=authority)
    finally:
        server.terminate()
        server.wait()


def _url(log: Path, server: subprocess.Popen[bytes]) -> str:
    while True:
        if found := re.search(r"Running on (https?://127\.0\.0\.1:\d+)", log.read_text()):
            return found[1]
        try:
            server.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"the S3 server ended: {log.read_text()}")


def _client(service: str, url: str, authority: Path | None, keys: Mapping[str, str]) -> Any:
    verify = None if authority is None else str(authority)
    return boto3.client(service, endpoint_url=url, region_name=_REGION, verify=verify, **keys)


def _fill(url: str, objects: Mapping[str, bytes], authority: Path | None) -> dict[str, str]:
    """Make the user and the objects, then have every further request checked."""
    anybody = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    iam, s3 = (_client(service, url, authority, anybody) for service in ("iam", "s3"))
    iam.create_user(UserName="engineer")
    iam.put_user_policy(UserName="engineer", PolicyName="read", PolicyDocument=_MAY_READ)
    key = iam.create_access_key(UserName="engineer")["AccessKey"]
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": _REGION})
    for name, content in objects.items():
        s3.put_object(Bucket=BUCKET, Key=name, Body=content)
    iam.close()
    s3.close()
    trust = ssl.create_default_context(cafile=authority)
    httpx.post(f"{url}/moto-api/reset-auth", content=b"0", trust_env=False, verify=trust).raise_for_status()
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
