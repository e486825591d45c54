"""As whom containers run and what they may do. Source: Kubernetes API reference, v1 PodSpec."""

from __future__ import annotations

from setpoint.apis.meta import Wire


class SELinuxOptions(Wire, frozen=True, kw_only=True):
    """Labels of SELinux."""

    level: str = ""
    role: str = ""
    type: str = ""
    user: str = ""


class SeccompProfile(Wire, frozen=True, kw_only=True):
    """Which system calls are allowed; `type` is RuntimeDefault, Localhost or Unconfined."""

    type: str
    localhost_profile: str = ""


class AppArmorProfile(Wire, frozen=True, kw_only=True):
    """Which profile of AppArmor holds; `type` is RuntimeDefault, Localhost or Unconfined."""

    type: str
    localhost_profile: str = ""


class WindowsSecurityContextOptions(Wire, frozen=True, kw_only=True):
    """What holds on Windows alone."""

    gmsa_credential_spec: str = ""
    gmsa_credential_spec_name: str = ""
    host_process: bool | None = None
    run_as_user_name: str = ""


class Capabilities(Wire, frozen=True, kw_only=True):
    """Capabilities of POSIX that are given and taken."""

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class Sysctl(Wire, frozen=True, kw_only=True):
    """A kernel parameter of the pod."""

    name: str
    value: str


class SecurityContext(Wire, frozen=True, kw_only=True):
    """Of one container; where it says nothing, the pod's holds."""

    allow_privilege_escalation: bool | None = None
    app_armor_profile: AppArmorProfile | None = None
    capabilities: Capabilities | None = None
    privileged: bool | None = None
    proc_mount: str = ""
    read_only_root_filesystem: bool | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    se_linux_options: SELinuxOptions | None = None
    seccomp_profile: SeccompProfile | None = None
    windows_options: WindowsSecurityContextOptions | None = None


class PodSecurityContext(Wire, frozen=True, kw_only=True):
    """Of a pod, and of its containers where they say nothing."""

    app_armor_profile: AppArmorProfile | None = None
    fs_group: int | None = None
    fs_group_change_policy: str = ""
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    se_linux_change_policy: str = ""
    se_linux_options: SELinuxOptions | None = None
    seccomp_profile: SeccompProfile | None = None
    supplemental_groups: tuple[int, ...] = ()
    supplemental_groups_policy: str = ""
    sysctls: tuple[Sysctl, ...] = ()
    windows_options: WindowsSecurityContextOptions | None = None
