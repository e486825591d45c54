"""Making a bucket and setting its encryption, which obstore does not do: two requests, signed here.

Source: Argo's CreateS3BucketOptions; Amazon S3 API, CreateBucket, PutBucketEncryption, and AWS Signature Version 4.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import httpx

from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.apis.pods import ArtifactPlace

DEFAULT_REGION = "us-east-1"
_SECONDS = 60.0
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_THERE_ALREADY = ("BucketAlreadyExists", "BucketAlreadyOwnedByYou")


def endpoint_of(settings: dict[str, str]) -> str:
    """The address of the S3 server, Amazon's by default."""
    endpoint = settings.get("endpoint") or f"s3.{settings.get('region') or DEFAULT_REGION}.amazonaws.com"
    scheme = "http" if settings.get("insecure") else "https"
    return endpoint if "://" in endpoint else f"{scheme}://{endpoint}"


def create_bucket(place: ArtifactPlace) -> None:
    """Make the bucket of the place, encrypted as its objects are, unless there is one of that name.

    Raises: InvalidSpec without credentials; Unavailable with the server's own reason.
    """
    settings = place.settings
    region = settings.get("region") or DEFAULT_REGION
    inner = "" if region == DEFAULT_REGION else f"<LocationConstraint>{escape(region)}</LocationConstraint>"
    body = f"<CreateBucketConfiguration {_NAMESPACE}>{inner}</CreateBucketConfiguration>" if inner else ""
    locking = {"x-amz-bucket-object-lock-enabled": "true"} if settings.get("objectLocking") else {}
    reason = _send(settings, "", body.encode(), locking)
    if reason in _THERE_ALREADY:
        return
    if not reason and settings.get("encryption"):
        reason = _send(settings, "encryption=", _encryption(settings).encode(), {})
    if reason:
        raise Unavailable(f"failed to create bucket {settings.get('bucket', '')}: {reason}")


def _encryption(settings: dict[str, str]) -> str:
    key = settings.get("kmsKeyId", "")
    algorithm = "aws:kms" if key else "AES256"
    key = f"<KMSMasterKeyID>{escape(key)}</KMSMasterKeyID>" if key else ""
    rule = f"<SSEAlgorithm>{algorithm}</SSEAlgorithm>{key}"
    by_default = f"<ApplyServerSideEncryptionByDefault>{rule}</ApplyServerSideEncryptionByDefault>"
    tag = "ServerSideEncryptionConfiguration"
    return f"<{tag} {_NAMESPACE}><Rule>{by_default}</Rule></{tag}>"


def _send(settings: dict[str, str], query: str, body: bytes, headers: dict[str, str]) -> str:
    """PUT to the bucket; the code of what went wrong, empty if nothing did."""
    path = f"/{quote(settings.get('bucket', ''), safe='')}"
    url = httpx.URL(endpoint_of(settings) + path + (f"?{query}" if query else ""))
    md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    signed = _signed(settings, url, query, body, {**headers, "content-md5": md5}, datetime.now(UTC))
    verify = ssl.create_default_context(cadata=settings.get("ca")) if url.scheme == "https" else False
    try:
        with httpx.Client(timeout=_SECONDS, verify=verify) as client:
            answer = client.put(url, content=body, headers=signed)
    except httpx.TransportError as error:
        raise Unavailable(f"{url.host}: {error or type(error).__name__}") from error
    return _code(answer) if answer.is_error else ""


def _code(answer: httpx.Response) -> str:
    try:
        found = ElementTree.fromstring(answer.content).findtext("{*}Code")  # noqa: S314  expat refuses to blow up
    except ElementTree.ParseError:
        found = None
    return found or f"{answer.status_code} {answer.reason_phrase}"


def _signed(
    settings: dict[str, str], url: httpx.URL, query: str, body: bytes, headers: dict[str, str], now: datetime
) -> dict[str, str]:
    """The headers with those that sign them."""
    if not settings.get("accessKey") or not settings.get("secretKey"):
        raise InvalidSpec("s3.createBucketIfNotPresent needs accessKeySecret and secretKeySecret")
    stamp, digest = now.strftime("%Y%m%dT%H%M%SZ"), hashlib.sha256(body).hexdigest()
    headers = headers | {"host": url.netloc.decode(), "x-amz-content-sha256": digest, "x-amz-date": stamp}
    if settings.get("sessionToken"):
        headers["x-amz-security-token"] = settings["sessionToken"]
    names = ";".join(sorted(headers))
    lines = [f"{name}:{headers[name].strip()}" for name in sorted(headers)]
    request = "\n".join(["PUT", url.raw_path.decode().partition("?")[0], query, *lines, "", names, digest])
    scope = f"{stamp[:8]}/{settings.get('region') or DEFAULT_REGION}/s3/aws4_request"
    key = b"AWS4" + settings["secretKey"].encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"{settings['accessKey']}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return headers | {"authorization": authorization}
