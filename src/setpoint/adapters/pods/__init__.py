"""The kubelet: a pod is a set of host processes under a supervisor that outlives the control plane.

Import the modules, not this package: the supervisors' parent process starts from here and must stay light.
`launcher` is the adapter of `ports.launcher`; ADR-0003 tells the design.
"""
