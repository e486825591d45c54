"""Where artifacts lie: in the embedded store, or in a store of their own. Pure.

Served are http, git and s3. The others of Argo need a service that is not here: their manifests are legal, the node
that needs one is an Error. Source: argoproj.io/v1alpha1 HTTPArtifact, GitArtifact, S3Artifact; SEMANTICS section 10.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from setpoint.apis.argo import Artifact, S3Artifact
from setpoint.apis.errors import InvalidSpec, NotSupported
from setpoint.apis.pods import ArtifactPlace, SecretKey

UNSERVED = ("artifactory", "azure", "gcs", "hdfs", "oss", "plugin")
_GIT_TEXTS = ("repo", "revision", "branch")
_GIT_FLAGS = ("singleBranch", "disableSubmodules", "insecureIgnoreHostKey", "insecureSkipTLS")
_GIT_SECRETS = ("usernameSecret", "passwordSecret", "sshPrivateKeySecret")
_HTTP_AUTH = {
    "basicAuth": {"usernameSecret": "username", "passwordSecret": "password"},
    "oauth2": {"clientIDSecret": "clientID", "clientSecretSecret": "clientSecret", "tokenURLSecret": "tokenURL"},
    "clientCert": {"clientCertSecret": "clientCert", "clientKeySecret": "clientKey"},
}


def place_of(item: Artifact) -> ArtifactPlace | None:
    """The place of an artifact; None for one in the embedded store.

    Raises: NotSupported: The store is not served on one machine. InvalidSpec: Settings that exclude each other.
    """
    for store in UNSERVED:
        if getattr(item, store) is not None:
            raise NotSupported(f"artifact {item.name!r}: there is no {store} on this machine; use s3, http, git or raw")
    if item.http is not None:
        return _http(item.http)
    if item.git is not None:
        return _git(item.git)
    if item.s3 is not None and item.s3.located:
        return _s3(item.name, item.s3)
    return None


def _http(http: dict[str, Any]) -> ArtifactPlace:
    auth = http.get("auth") or {}
    headers: dict[str, str] = {}
    secrets: dict[str, SecretKey] = {}
    for header in http.get("headers") or ():
        source = _secret((header.get("valueFrom") or {}).get("secretKeyRef"))
        if source is not None:
            secrets[f"header {header.get('name', '')}"] = source
        else:
            headers[str(header.get("name", ""))] = str(header.get("value", ""))
    for kind, keys in _HTTP_AUTH.items():
        given = {setting: _secret((auth.get(kind) or {}).get(key)) for key, setting in keys.items()}
        secrets |= {
            setting: found for setting, found in given.items() if found is not None and None not in given.values()
        }
    oauth = auth.get("oauth2") or {}
    params = [(str(item.get("key", "")), str(item.get("value", ""))) for item in oauth.get("endpointParams") or ()]
    settings = {
        "url": str(http.get("url", "")),
        "scopes": " ".join(str(scope) for scope in oauth.get("scopes") or ()),
        "endpointParams": urlencode(params),
    }
    settings = {key: text for key, text in settings.items() if text or key == "url"}
    return ArtifactPlace(kind="http", settings=settings, headers=headers, secrets=secrets)


def _git(git: dict[str, Any]) -> ArtifactPlace:
    settings = {key: str(git[key]) for key in _GIT_TEXTS if git.get(key)}
    settings |= {key: "true" for key in _GIT_FLAGS if git.get(key)}
    if git.get("depth"):
        settings["depth"] = str(git["depth"])
    if git.get("fetch"):
        settings["fetch"] = "\n".join(str(ref) for ref in git["fetch"])
    secrets = {
        key.removesuffix("Secret"): found for key in _GIT_SECRETS if (found := _secret(git.get(key))) is not None
    }
    return ArtifactPlace(kind="git", settings=settings, secrets=secrets)


def _s3(name: str, s3: S3Artifact) -> ArtifactPlace:
    given = {"endpoint": s3.endpoint, "bucket": s3.bucket, "key": s3.key, "region": s3.region}
    settings = {key: text for key, text in given.items() if text}
    if s3.insecure:
        settings["insecure"] = "true"
    if s3.access_key_secret is None or s3.secret_key_secret is None:  # credentials of its own come first
        settings |= {"roleARN": s3.role_arn} if s3.role_arn else {}
        settings |= {"useSDKCreds": "true"} if s3.use_sdk_creds else {}
    if s3.create_bucket_if_not_present is not None:
        settings["createBucket"] = "true"
        if s3.create_bucket_if_not_present.get("objectLocking"):
            settings["objectLocking"] = "true"
    selectors = {
        "accessKey": s3.access_key_secret,
        "secretKey": s3.secret_key_secret,
        "sessionToken": s3.session_token_secret,
        "ca": s3.ca_secret,
    }
    secrets = {name: SecretKey(name=ref.name, key=ref.key) for name, ref in selectors.items() if ref is not None}
    customer = _encrypt(name, s3, settings)
    if customer is not None:
        secrets["serverSideCustomerKey"] = customer
    return ArtifactPlace(kind="s3", settings=settings, secrets=secrets)


def _encrypt(name: str, s3: S3Artifact, settings: dict[str, str]) -> SecretKey | None:
    """Set how the server encrypts the objects; the secret with the customer's key, if that does."""
    options = s3.encryption_options or {}
    kms, customer = str(options.get("kmsKeyId") or ""), _secret(options.get("serverSideCustomerKeySecret"))
    if kms and customer is not None:
        raise InvalidSpec(f"artifact {name!r}: serverSideCustomerKeySecret and kmsKeyId cannot be set together")
    if customer is not None and s3.insecure:
        raise InvalidSpec(f"artifact {name!r}: serverSideCustomerKeySecret needs https: remove insecure")
    if not options.get("enableEncryption"):
        return None
    if kms and options.get("kmsEncryptionContext"):
        reason = "the s3 client cannot sign one"
        raise NotSupported(f"artifact {name!r}: s3.encryptionOptions.kmsEncryptionContext is not done here: {reason}")
    settings["encryption"] = "customer" if customer is not None else "kms" if kms else "server"
    if kms:
        settings["kmsKeyId"] = kms
    return customer


def _secret(selector: Any) -> SecretKey | None:
    if not isinstance(selector, dict) or not selector.get("name"):
        return None
    return SecretKey(name=str(selector["name"]), key=str(selector.get("key", "")))
