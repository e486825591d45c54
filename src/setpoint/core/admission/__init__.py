"""Objects that come in over HTTP: bytes to values, values to what is stored. Pure.

`decode_json` or `decode_yaml`, then `admit`; both may leave warnings for the answer's headers.
"""

from setpoint.core.admission.admit import Admitted, admit
from setpoint.core.admission.decode import Mode, decode_json, decode_yaml
from setpoint.core.admission.shape import MAX_BYTES, MAX_DEPTH, check_shape

__all__ = ["MAX_BYTES", "MAX_DEPTH", "Admitted", "Mode", "admit", "check_shape", "decode_json", "decode_yaml"]
