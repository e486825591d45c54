"""Volumes of other people's storage. Source: Kubernetes API reference, v1 Volume."""

from __future__ import annotations

import msgspec

from setpoint.apis.meta import Wire
from setpoint.apis.references import LocalObjectReference


class AWSElasticBlockStoreVolumeSource(Wire, frozen=True, kw_only=True):
    """A disk of AWS."""

    volume_id: str = msgspec.field(name="volumeID")
    fs_type: str = ""
    partition: int | None = None
    read_only: bool | None = None


class AzureDiskVolumeSource(Wire, frozen=True, kw_only=True):
    """A disk of Azure."""

    disk_name: str
    disk_uri: str = msgspec.field(name="diskURI")
    caching_mode: str = ""
    fs_type: str = ""
    kind: str = ""
    read_only: bool | None = None


class AzureFileVolumeSource(Wire, frozen=True, kw_only=True):
    """A file share of Azure."""

    secret_name: str
    share_name: str
    read_only: bool | None = None


class CephFSVolumeSource(Wire, frozen=True, kw_only=True):
    """A directory of CephFS."""

    monitors: tuple[str, ...]
    path: str = ""
    read_only: bool | None = None
    secret_file: str = ""
    secret_ref: LocalObjectReference | None = None
    user: str = ""


class CinderVolumeSource(Wire, frozen=True, kw_only=True):
    """A volume of OpenStack."""

    volume_id: str = msgspec.field(name="volumeID")
    fs_type: str = ""
    read_only: bool | None = None
    secret_ref: LocalObjectReference | None = None


class CSIVolumeSource(Wire, frozen=True, kw_only=True):
    """A volume that a CSI driver makes for the pod."""

    driver: str
    fs_type: str = ""
    node_publish_secret_ref: LocalObjectReference | None = None
    read_only: bool | None = None
    volume_attributes: dict[str, str] = {}


class FCVolumeSource(Wire, frozen=True, kw_only=True):
    """A disk by Fibre Channel."""

    fs_type: str = ""
    lun: int | None = None
    read_only: bool | None = None
    target_wwns: tuple[str, ...] = msgspec.field(name="targetWWNs", default=())
    wwids: tuple[str, ...] = ()


class FlexVolumeSource(Wire, frozen=True, kw_only=True):
    """A volume of a FlexVolume driver."""

    driver: str
    fs_type: str = ""
    options: dict[str, str] = {}
    read_only: bool | None = None
    secret_ref: LocalObjectReference | None = None


class FlockerVolumeSource(Wire, frozen=True, kw_only=True):
    """A volume of Flocker."""

    dataset_name: str = ""
    dataset_uuid: str = msgspec.field(name="datasetUUID", default="")


class GCEPersistentDiskVolumeSource(Wire, frozen=True, kw_only=True):
    """A disk of Google Cloud."""

    pd_name: str
    fs_type: str = ""
    partition: int | None = None
    read_only: bool | None = None


class GitRepoVolumeSource(Wire, frozen=True, kw_only=True):
    """A checkout of a repository."""

    repository: str
    directory: str = ""
    revision: str = ""


class GlusterfsVolumeSource(Wire, frozen=True, kw_only=True):
    """A directory of Glusterfs."""

    endpoints: str
    path: str
    read_only: bool | None = None


class ISCSIVolumeSource(Wire, frozen=True, kw_only=True):
    """A disk by iSCSI."""

    iqn: str
    lun: int
    target_portal: str
    chap_auth_discovery: bool | None = None
    chap_auth_session: bool | None = None
    fs_type: str = ""
    initiator_name: str = ""
    iscsi_interface: str = ""
    portals: tuple[str, ...] = ()
    read_only: bool | None = None
    secret_ref: LocalObjectReference | None = None


class NFSVolumeSource(Wire, frozen=True, kw_only=True):
    """A directory of an NFS server."""

    path: str
    server: str
    read_only: bool | None = None


class PhotonPersistentDiskVolumeSource(Wire, frozen=True, kw_only=True):
    """A disk of Photon."""

    pd_id: str = msgspec.field(name="pdID")
    fs_type: str = ""


class PortworxVolumeSource(Wire, frozen=True, kw_only=True):
    """A volume of Portworx."""

    volume_id: str = msgspec.field(name="volumeID")
    fs_type: str = ""
    read_only: bool | None = None


class QuobyteVolumeSource(Wire, frozen=True, kw_only=True):
    """A volume of Quobyte."""

    registry: str
    volume: str
    group: str = ""
    read_only: bool | None = None
    tenant: str = ""
    user: str = ""


class RBDVolumeSource(Wire, frozen=True, kw_only=True):
    """An image of Ceph."""

    image: str
    monitors: tuple[str, ...]
    fs_type: str = ""
    keyring: str = ""
    pool: str = ""
    read_only: bool | None = None
    secret_ref: LocalObjectReference | None = None
    user: str = ""


class ScaleIOVolumeSource(Wire, frozen=True, kw_only=True):
    """A volume of ScaleIO."""

    gateway: str
    secret_ref: LocalObjectReference
    system: str
    fs_type: str = ""
    protection_domain: str = ""
    read_only: bool | None = None
    ssl_enabled: bool | None = None
    storage_mode: str = ""
    storage_pool: str = ""
    volume_name: str = ""


class StorageOSVolumeSource(Wire, frozen=True, kw_only=True):
    """A volume of StorageOS."""

    fs_type: str = ""
    read_only: bool | None = None
    secret_ref: LocalObjectReference | None = None
    volume_name: str = ""
    volume_namespace: str = ""


class VsphereVirtualDiskVolumeSource(Wire, frozen=True, kw_only=True):
    """A disk of vSphere."""

    volume_path: str
    fs_type: str = ""
    storage_policy_id: str = msgspec.field(name="storagePolicyID", default="")
    storage_policy_name: str = ""
