"""Artifacts in buckets of a real S3 server: made when they are missing, encrypted by the server, listed and deleted."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from setpoint.adapters import places
from setpoint.apis.argo import Artifact, S3Artifact, SecretKeySelector
from setpoint.apis.errors import Forbidden, InvalidSpec, NotFound, NotSupported, Unavailable
from setpoint.apis.pods import ArtifactPlace
from setpoint.core.workflow.places import place_of
from tests.certificates import Authority
from tests.object_store import BUCKET, ObjectStore, object_store

pytestmark = pytest.mark.rule("artifacts.s3-options")


def place_in(store: ObjectStore, key: str, **settings: str) -> ArtifactPlace:
    keys = store.environment
    own = {
        "bucket": BUCKET,
        "key": key,
        "endpoint": store.host,
        "region": "eu-central-1",
        "accessKey": keys["AWS_ACCESS_KEY_ID"],
        "secretKey": keys["AWS_SECRET_ACCESS_KEY"],
    }
    insecure = {"insecure": "true"} if store.url.startswith("http://") else {}
    return ArtifactPlace(kind="s3", settings={**own, **insecure, **settings})


def a_file(folder: Path, text: str = "measured") -> Path:
    file = folder / "file"
    file.write_text(text)
    return file


def test_a_bucket_is_made_where_it_is_missing_and_only_if_that_is_wanted(tmp_path: Path) -> None:
    with object_store(tmp_path, {}) as store:
        file = a_file(tmp_path)
        wanted = {"bucket": "new", "createBucket": "true", "objectLocking": "true"}
        with pytest.raises((NotFound, Unavailable)):
            places.put(place_in(store, "k", bucket="new"), file)
        for key in ("a", "b"):  # the second time it is there
            places.put(place_in(store, key, **wanted), file)
        with store.client() as s3:
            assert s3.get_bucket_location(Bucket="new")["LocationConstraint"] == "eu-central-1"
            locking = s3.get_object_lock_configuration(Bucket="new")["ObjectLockConfiguration"]
            assert locking["ObjectLockEnabled"] == "Enabled"
            assert s3.get_object(Bucket="new", Key="b")["Body"].read() == b"measured"


def test_a_bucket_that_may_not_be_made_says_why(tmp_path: Path) -> None:
    with object_store(tmp_path, {}) as store:
        file = a_file(tmp_path)
        with pytest.raises(
            Unavailable, match=r"failed to create bucket new: (InvalidAccessKeyId|SignatureDoesNotMatch)"
        ):
            places.put(place_in(store, "k", bucket="new", createBucket="true", secretKey="wrong"), file)
        nobody = {"accessKey": "", "secretKey": ""}
        with pytest.raises(InvalidSpec, match="createBucketIfNotPresent needs accessKeySecret"):
            places.put(place_in(store, "k", bucket="new", createBucket="true", **nobody), file)
        with pytest.raises(InvalidSpec, match="needs both accessKeySecret and secretKeySecret"):
            places.put(place_in(store, "k", accessKey=""), file)


@pytest.mark.parametrize(
    ("settings", "algorithm", "kms"),
    [
        ({"encryption": "server"}, "AES256", None),
        ({"encryption": "kms", "kmsKeyId": "key-of-the-plant"}, "aws:kms", "key-of-the-plant"),
    ],
)
def test_the_server_encrypts_objects_and_buckets_it_makes(
    tmp_path: Path, settings: dict[str, str], algorithm: str, kms: str | None
) -> None:
    with object_store(tmp_path, {}) as store:
        place = place_in(store, "k", bucket="new", createBucket="true", **settings)
        places.put(place, a_file(tmp_path))
        places.fetch(place, tmp_path / "back")
        assert (tmp_path / "back").read_text() == "measured"
        with store.client() as s3:
            kept = s3.head_object(Bucket="new", Key="k")
            assert (kept["ServerSideEncryption"], kept.get("SSEKMSKeyId")) == (algorithm, kms)
            rules = s3.get_bucket_encryption(Bucket="new")["ServerSideEncryptionConfiguration"]["Rules"]
            by_default = rules[0]["ApplyServerSideEncryptionByDefault"]
            assert (by_default["SSEAlgorithm"], by_default.get("KMSMasterKeyID")) == (algorithm, kms)


def test_a_customers_key_is_derived_for_every_object_and_goes_by_https_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with object_store(tmp_path, {}, tls=authority.issue("s3"), authority=authority.certificate) as store:
        secret = {"encryption": "customer", "serverSideCustomerKey": "pw", "ca": authority.certificate.read_text()}
        tree = tmp_path / "tree"
        tree.mkdir()
        a_file(tree)
        places.put(place_in(store, "out/data", **secret), a_file(tmp_path, "one"))
        places.put(place_in(store, "out/tree", **secret), tree)
        places.fetch(place_in(store, "out/tree", **secret), tmp_path / "back")
        assert (tmp_path / "back" / "file").read_text() == "measured"
        # Argon2id of "pw", salted with bucket and key, as minio's client for Go derives it
        derived = base64.b64encode(bytes.fromhex("9c522eef21f4b38735e174ea822cabded38293a9dc67fea887080eb51138038a"))
        sent = {
            (method, key): store.headers(method, f"/{BUCKET}/{key}")["x-amz-server-side-encryption-customer-key"]
            for method, key in (("PUT", "out/data"), ("PUT", "out/tree/file"), ("GET", "out/tree/file"))
        }
        assert sent["PUT", "out/data"] == derived.decode()
        assert sent["PUT", "out/tree/file"] == sent["GET", "out/tree/file"] != sent["PUT", "out/data"]


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with object_store(tmp_path, {}, tls=authority.issue("s3"), authority=authority.certificate) as store:
        for settings in ({}, {"createBucket": "true", "bucket": "new"}):
            with pytest.raises(Unavailable):
                places.put(place_in(store, "k", **settings), a_file(tmp_path))


OBJECTS = {"in/b.csv": b"b", "in/a.csv": b"a", "in/deep/c.csv": b"c", "inner": b"x"}


def test_keys_are_listed(tmp_path: Path) -> None:
    with object_store(tmp_path, OBJECTS | {"in/deep/": b""}) as store:  # as Amazon's console marks a directory
        assert places.keys(place_in(store, "in")) == ("in/a.csv", "in/b.csv", "in/deep/c.csv")
        assert places.keys(place_in(store, "inner")) == ()
        assert set(places.keys(place_in(store, ""))) == OBJECTS.keys()
        with pytest.raises(NotFound):
            places.keys(place_in(store, "none"))


def test_objects_and_trees_are_deleted(tmp_path: Path) -> None:
    with object_store(tmp_path, OBJECTS) as store:
        for _ in range(2):  # the second time there is nothing
            places.delete(place_in(store, "in"))
            assert places.keys(place_in(store, "")) == ("inner",)
        places.delete(place_in(store, "inner"))
        assert places.keys(place_in(store, "")) == ()


SECRET = SecretKeySelector(name="creds", key="k")


@pytest.mark.parametrize(
    ("options", "insecure", "error", "message"),
    [
        (
            {"kmsKeyId": "k", "serverSideCustomerKeySecret": {"name": "creds", "key": "k"}},
            False,
            InvalidSpec,
            "cannot be set together",
        ),
        ({"serverSideCustomerKeySecret": {"name": "creds", "key": "k"}}, True, InvalidSpec, "needs https"),
        (
            {"enableEncryption": True, "kmsKeyId": "k", "kmsEncryptionContext": "{}"},
            False,
            NotSupported,
            "kmsEncryptionContext is not done here",
        ),
    ],
)
def test_encryption_that_makes_no_sense_is_refused(
    options: dict[str, object], insecure: bool, error: type[Exception], message: str
) -> None:
    s3 = S3Artifact(bucket="b", key="k", endpoint="e", insecure=insecure, encryption_options=options)
    with pytest.raises(error, match=rf"artifact 'a': .*{message}"):
        place_of(Artifact(name="a", s3=s3))


def test_options_are_settings_of_the_place_and_keys_stay_in_their_secrets() -> None:
    s3 = S3Artifact(
        bucket="b",
        key="k",
        endpoint="e",
        ca_secret=SECRET,
        create_bucket_if_not_present={"objectLocking": False},
        encryption_options={"enableEncryption": True, "serverSideCustomerKeySecret": {"name": "creds", "key": "sse"}},
    )
    place = place_of(Artifact(name="a", s3=s3))
    assert place is not None
    assert place.settings == {
        "bucket": "b",
        "key": "k",
        "endpoint": "e",
        "createBucket": "true",
        "encryption": "customer",
    }
    assert {name: source.key for name, source in place.secrets.items()} == {"ca": "k", "serverSideCustomerKey": "sse"}
    disabled = s3.replace(encryption_options={"kmsKeyId": "k"})
    place = place_of(Artifact(name="a", s3=disabled))
    assert place is not None
    assert "encryption" not in place.settings


@pytest.mark.rule("artifacts.s3-marks")
def test_marks_of_directories_are_no_objects_and_empty_files_are(tmp_path: Path) -> None:
    objects = {"top/": b"", "top/a/": b"", "top/a/x": b"1", "top/b/": b"", "top/c": b"", "top/d": b"", "top/d/y": b"2"}
    with object_store(tmp_path, objects) as store:
        listed = places.keys(place_in(store, "top"))
        assert listed == ("top/a/x", "top/c", "top/d", "top/d/y")
        assert places.keys(place_in(store, "")) == listed
        places.fetch(place_in(store, "top/a"), tmp_path / "a")
        assert [file.name for file in (tmp_path / "a").iterdir()] == ["x"]


def by_the_sdk(store: ObjectStore, key: str, **settings: str) -> ArtifactPlace:
    place = place_in(store, key)
    own = {name: text for name, text in place.settings.items() if name not in ("accessKey", "secretKey")}
    return place.replace(settings=own | settings)


@pytest.mark.rule("artifacts.s3-credentials")
def test_the_sdks_own_credentials_are_found_in_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with object_store(tmp_path, {"k": b"measured"}) as store:
        keys = store.environment
        profile = tmp_path / "credentials"
        profile.write_text(
            f"[plant]\naws_access_key_id = {keys['AWS_ACCESS_KEY_ID']}\n"
            f"aws_secret_access_key = {keys['AWS_SECRET_ACCESS_KEY']}\n"
        )
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profile))
        monkeypatch.setenv("AWS_PROFILE", "plant")
        places.fetch(by_the_sdk(store, "k", useSDKCreds="true"), tmp_path / "read")
        assert (tmp_path / "read").read_text() == "measured"
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        with pytest.raises(Forbidden, match=r"no credentials for s3: .*nobody"):
            places.fetch(by_the_sdk(store, "k", useSDKCreds="true"), tmp_path / "other")


@pytest.mark.rule("artifacts.s3-credentials")
def test_a_role_is_assumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with object_store(tmp_path, {"k": b"measured"}) as store:
        for name, text in store.environment.items():
            monkeypatch.setenv(name, text)
        role = store.role()
        places.fetch(by_the_sdk(store, "k", roleARN=role), tmp_path / "read")
        assert (tmp_path / "read").read_text() == "measured"
        assert store.headers("GET", "/plant/k")["x-amz-security-token"]


@pytest.mark.rule("artifacts.s3-credentials")
def test_keys_of_a_secret_come_before_a_role() -> None:
    key = SecretKeySelector(name="creds", key="k")
    s3 = S3Artifact(bucket="b", key="k", endpoint="e", role_arn="arn:aws:iam::1:role/r", use_sdk_creds=True)
    place = place_of(Artifact(name="a", s3=s3))
    assert place is not None
    assert (place.settings["roleARN"], place.settings["useSDKCreds"]) == ("arn:aws:iam::1:role/r", "true")
    place = place_of(Artifact(name="a", s3=s3.replace(access_key_secret=key, secret_key_secret=key)))
    assert place is not None
    assert "roleARN" not in place.settings
