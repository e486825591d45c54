"""An S3 server in a process of its own, which checks signatures, with a bucket that one user may read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import httpx

BUCKET = "plant"
_REGION = "eu-central-1"
_MAY_READ = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStore:
    """Where it answers, and the variables by which a client finds it."""

    url: str
    environment: dict[str, str]

    @property
    def host(self) -> str:
        """Host and port."""
        return self.url.removeprefix("http://")


@contextmanager
def object_store(folder: Path, objects: Mapping[str, bytes]) -> Iterator[ObjectStore]:
    """Serve `objects` by key from the bucket until the context ends."""
    log = folder / "object-store.log"
    command = [sys.executable, "-c", "from moto.server import main; main(['-H', '127.0.0.1', '-p', '0'])"]
    with log.open("wb") as output:
        # A date in the future of what is installed is no fault of the server: its warnings stay in its log.
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "default"}
        server = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        url = _url(log, server)
        keys = _fill(url, objects)
        yield ObjectStore(url=url, environment={**keys, "AWS_REGION": _REGION, "AWS_ENDPOINT_URL": url})
    finally:
        server.terminate()
        server.wait()


def _url(log: Path, server: subprocess.Popen[bytes]) -> str:
    while True:
        if found := re.search(r"Running on (http://127\.0\.0\.1:\d+)", log.read_text()):
            return found[1]
        try:
            server.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"the S3 server ended: {log.read_text()}")


def _fill(url: str, objects: Mapping[str, bytes]) -> dict[str, str]:
    """Make the user and the objects, then have every further request checked."""
    anybody = {"endpoint_url": url, "region_name": _REGION, "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    iam, s3 = boto3.client("iam", **anybody), boto3.client("s3", **anybody)
    iam.create_user(UserName="engineer")
    iam.put_user_policy(UserName="engineer", PolicyName="read", PolicyDocument=_MAY_READ)
    key = iam.create_access_key(UserName="engineer")["AccessKey"]
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": _REGION})
    for name, content in objects.items():
        s3.put_object(Bucket=BUCKET, Key=name, Body=content)
    iam.close()
    s3.close()
    httpx.post(f"{url}/moto-api/reset-auth", content=b"0", trust_env=False).raise_for_status()
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
