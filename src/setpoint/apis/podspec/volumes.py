"""Volumes of a pod. Source: Kubernetes API reference, v1 Volume."""

from __future__ import annotations

import msgspec

from setpoint.apis.meta import ObjectMeta, Wire
from setpoint.apis.podspec import foreign_volumes as foreign
from setpoint.apis.podspec.containers import ObjectFieldSelector, ResourceFieldSelector
from setpoint.apis.references import LabelSelector, TypedLocalObjectReference, TypedObjectReference
from setpoint.apis.shapes import Quantity


class KeyToPath(Wire, frozen=True, kw_only=True):
    """A key, and the file that it becomes."""

    key: str
    path: str
    mode: int | None = None


class ConfigMapVolumeSource(Wire, frozen=True, kw_only=True):
    """The keys of a ConfigMap as files."""

    default_mode: int | None = None
    items: tuple[KeyToPath, ...] = ()
    name: str = ""
    optional: bool | None = None


class SecretVolumeSource(Wire, frozen=True, kw_only=True):
    """The keys of a Secret as files."""

    default_mode: int | None = None
    items: tuple[KeyToPath, ...] = ()
    optional: bool | None = None
    secret_name: str = ""


class DownwardAPIVolumeFile(Wire, frozen=True, kw_only=True):
    """A field of the pod as a file."""

    path: str
    field_ref: ObjectFieldSelector | None = None
    mode: int | None = None
    resource_field_ref: ResourceFieldSelector | None = None


class DownwardAPIVolumeSource(Wire, frozen=True, kw_only=True):
    """Fields of the pod as files."""

    default_mode: int | None = None
    items: tuple[DownwardAPIVolumeFile, ...] = ()


class EmptyDirVolumeSource(Wire, frozen=True, kw_only=True):
    """An empty directory that lives as long as the pod."""

    medium: str = ""
    size_limit: Quantity | None = None


class HostPathVolumeSource(Wire, frozen=True, kw_only=True):
    """A file or directory of the machine."""

    path: str
    type: str = ""


class ImageVolumeSource(Wire, frozen=True, kw_only=True):
    """The content of an image."""

    pull_policy: str = ""
    reference: str = ""


class PersistentVolumeClaimVolumeSource(Wire, frozen=True, kw_only=True):
    """What a PersistentVolumeClaim holds."""

    claim_name: str
    read_only: bool | None = None


class VolumeResourceRequirements(Wire, frozen=True, kw_only=True):
    """How much storage a claim asks for."""

    limits: dict[str, Quantity] = {}
    requests: dict[str, Quantity] = {}


class PersistentVolumeClaimSpec(Wire, frozen=True, kw_only=True):
    """What storage is asked for."""

    access_modes: tuple[str, ...] = ()
    data_source: TypedLocalObjectReference | None = None
    data_source_ref: TypedObjectReference | None = None
    resources: VolumeResourceRequirements | None = None
    selector: LabelSelector | None = None
    storage_class_name: str | None = None
    volume_attributes_class_name: str | None = None
    volume_mode: str | None = None
    volume_name: str = ""


class PersistentVolumeClaimTemplate(Wire, frozen=True, kw_only=True):
    """A claim that is made for the pod."""

    spec: PersistentVolumeClaimSpec
    metadata: ObjectMeta | None = None


class EphemeralVolumeSource(Wire, frozen=True, kw_only=True):
    """Storage that lives as long as the pod."""

    volume_claim_template: PersistentVolumeClaimTemplate | None = None


class ConfigMapProjection(Wire, frozen=True, kw_only=True):
    """The keys of a ConfigMap, among others."""

    items: tuple[KeyToPath, ...] = ()
    name: str = ""
    optional: bool | None = None


class SecretProjection(Wire, frozen=True, kw_only=True):
    """The keys of a Secret, among others."""

    items: tuple[KeyToPath, ...] = ()
    name: str = ""
    optional: bool | None = None


class DownwardAPIProjection(Wire, frozen=True, kw_only=True):
    """Fields of the pod, among others."""

    items: tuple[DownwardAPIVolumeFile, ...] = ()


class ServiceAccountTokenProjection(Wire, frozen=True, kw_only=True):
    """A token of the pod's service account."""

    path: str
    audience: str = ""
    expiration_seconds: int | None = None


class ClusterTrustBundleProjection(Wire, frozen=True, kw_only=True):
    """Certificates of authorities to trust."""

    path: str
    label_selector: LabelSelector | None = None
    name: str = ""
    optional: bool | None = None
    signer_name: str = ""


class PodCertificateProjection(Wire, frozen=True, kw_only=True):
    """A key and certificate of the pod."""

    key_type: str
    signer_name: str
    certificate_chain_path: str = ""
    credential_bundle_path: str = ""
    key_path: str = ""
    max_expiration_seconds: int | None = None
    user_annotations: dict[str, str] = {}


class VolumeProjection(Wire, frozen=True, kw_only=True):
    """One source of a projected volume."""

    cluster_trust_bundle: ClusterTrustBundleProjection | None = None
    config_map: ConfigMapProjection | None = None
    downward_api: DownwardAPIProjection | None = msgspec.field(name="downwardAPI", default=None)
    pod_certificate: PodCertificateProjection | None = None
    secret: SecretProjection | None = None
    service_account_token: ServiceAccountTokenProjection | None = None


class ProjectedVolumeSource(Wire, frozen=True, kw_only=True):
    """Files of several sources in one directory."""

    default_mode: int | None = None
    sources: tuple[VolumeProjection, ...] = ()


class Volume(Wire, frozen=True, kw_only=True):
    """A named volume; exactly one source says what it is."""

    name: str
    aws_elastic_block_store: foreign.AWSElasticBlockStoreVolumeSource | None = None
    azure_disk: foreign.AzureDiskVolumeSource | None = None
    azure_file: foreign.AzureFileVolumeSource | None = None
    cephfs: foreign.CephFSVolumeSource | None = None
    cinder: foreign.CinderVolumeSource | None = None
    config_map: ConfigMapVolumeSource | None = None
    csi: foreign.CSIVolumeSource | None = None
    downward_api: DownwardAPIVolumeSource | None = msgspec.field(name="downwardAPI", default=None)
    empty_dir: EmptyDirVolumeSource | None = None
    ephemeral: EphemeralVolumeSource | None = None
    fc: foreign.FCVolumeSource | None = None
    flex_volume: foreign.FlexVolumeSource | None = None
    flocker: foreign.FlockerVolumeSource | None = None
    gce_persistent_disk: foreign.GCEPersistentDiskVolumeSource | None = None
    git_repo: foreign.GitRepoVolumeSource | None = None
    glusterfs: foreign.GlusterfsVolumeSource | None = None
    host_path: HostPathVolumeSource | None = None
    image: ImageVolumeSource | None = None
    iscsi: foreign.ISCSIVolumeSource | None = None
    nfs: foreign.NFSVolumeSource | None = None
    persistent_volume_claim: PersistentVolumeClaimVolumeSource | None = None
    photon_persistent_disk: foreign.PhotonPersistentDiskVolumeSource | None = None
    portworx_volume: foreign.PortworxVolumeSource | None = None
    projected: ProjectedVolumeSource | None = None
    quobyte: foreign.QuobyteVolumeSource | None = None
    rbd: foreign.RBDVolumeSource | None = None
    scale_io: foreign.ScaleIOVolumeSource | None = msgspec.field(name="scaleIO", default=None)
    secret: SecretVolumeSource | None = None
    storageos: foreign.StorageOSVolumeSource | None = None
    vsphere_volume: foreign.VsphereVirtualDiskVolumeSource | None = None
