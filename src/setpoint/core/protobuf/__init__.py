"""Kubernetes' protobuf encoding of requests, as kubectl's typed commands send them; answers are always JSON."""

from setpoint.core.protobuf.decode import MEDIA_TYPE, decode_protobuf

__all__ = ["MEDIA_TYPE", "decode_protobuf"]
