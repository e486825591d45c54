"""Functions of CEL that only Kubernetes has: URLs, addresses, quantities.

Source: Kubernetes documentation, "Kubernetes CEL libraries".
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.quantity import parse_quantity
from setpoint.core.customresources.cel._errors import CelError
from setpoint.core.customresources.cel._overloads import Charge, Overload, is_a, is_int, is_text, whole
from setpoint.core.customresources.cel._values import Quantity, Url

_LONGEST_QUANTITY = 64
_MOST_DIGITS = 40
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _url(_charge: Charge, text: str) -> Url:
    try:
        parts = urlsplit(text)
        port = f"{parts.port}" if parts.port is not None else ""
    except ValueError:
        raise CelError(f"URL parse error: {text[:100]!r}") from None
    if not parts.scheme and not text.startswith("/"):
        raise CelError(f"URL parse error during conversion from string: parse {text[:100]!r}: invalid URI for request")
    hostname = parts.hostname or ""
    return Url(parts.scheme, parts.netloc.rpartition("@")[2], hostname, port, parts.path, parts.query)


def _address(_charge: Charge, text: str) -> _Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise CelError(f"IP Address parse error: {text[:100]!r}") from None


def _network(_charge: Charge, text: str) -> _Network:
    try:
        if "/" in text:
            return ipaddress.ip_network(text, strict=False)
    except ValueError:
        pass
    raise CelError(f"network address parse error: {text[:100]!r}")


def _quantity(_charge: Charge, text: str) -> Quantity:
    try:
        number = parse_quantity(text[:_LONGEST_QUANTITY])
        if len(text) <= _LONGEST_QUANTITY and abs(number.adjusted()) <= _MOST_DIGITS:
            return Quantity(number)
    except InvalidSpec as error:
        raise CelError(error.reason) from None
    raise CelError("the quantity is too large")


def _whether(read: Any) -> Any:
    def check(charge: Charge, text: str) -> bool:
        try:
            read(charge, text)
        except CelError:
            return False
        return True

    return check


def _sum(sign: int) -> Any:
    def add(_charge: Charge, left: Quantity, right: Any) -> Quantity:
        number = right.number if isinstance(right, Quantity) else right
        return Quantity(left.number + sign * number)

    return add


def _as_integer(_charge: Charge, value: Quantity) -> int:
    if value.number != value.number.to_integral_value():
        raise CelError("cannot convert value to integer")
    return whole(int(value.number))


def _sign(number: Any) -> int:
    return int(number > 0) - int(number < 0)


def _contains_address(charge: Charge, network: _Network, other: Any) -> bool:
    address = _address(charge, other) if isinstance(other, str) else other
    return address.version == network.version and address in network


def _contains_network(charge: Charge, network: _Network, other: Any) -> bool:
    inner = _network(charge, other) if isinstance(other, str) else other
    if isinstance(network, ipaddress.IPv4Network) and isinstance(inner, ipaddress.IPv4Network):
        return inner.subnet_of(network)
    if isinstance(network, ipaddress.IPv6Network) and isinstance(inner, ipaddress.IPv6Network):
        return inner.subnet_of(network)
    return False


_IS_URL, _IS_QUANTITY = is_a(Url), is_a(Quantity)


def _is_address(value: Any) -> bool:
    return isinstance(value, (ipaddress.IPv4Address, ipaddress.IPv6Address))


def _is_network(value: Any) -> bool:
    return isinstance(value, (ipaddress.IPv4Network, ipaddress.IPv6Network))


KUBERNETES_FUNCTIONS: dict[str, list[Overload]] = {
    "url": [((is_text,), _url)],
    "isURL": [((is_text,), _whether(_url))],
    "ip": [((is_text,), _address)],
    "isIP": [((is_text,), _whether(_address))],
    "ip.isCanonical": [((is_text,), lambda charge, text: str(_address(charge, text)) == text)],
    "cidr": [((is_text,), _network)],
    "isCIDR": [((is_text,), _whether(_network))],
    "quantity": [((is_text,), _quantity)],
    "isQuantity": [((is_text,), _whether(_quantity))],
}
KUBERNETES_METHODS: dict[str, list[Overload]] = {
    "getScheme": [((_IS_URL,), lambda _charge, url: url.scheme)],
    "getHost": [((_IS_URL,), lambda _charge, url: url.host)],
    "getHostname": [((_IS_URL,), lambda _charge, url: url.hostname)],
    "getPort": [((_IS_URL,), lambda _charge, url: url.port)],
    "getEscapedPath": [((_IS_URL,), lambda _charge, url: url.path)],
    "getQuery": [((_IS_URL,), lambda _charge, url: parse_qs(url.query, keep_blank_values=True))],
    "family": [((_is_address,), lambda _charge, address: address.version)],
    "isUnspecified": [((_is_address,), lambda _charge, address: address.is_unspecified)],
    "isLoopback": [((_is_address,), lambda _charge, address: address.is_loopback)],
    "isLinkLocalMulticast": [((_is_address,), lambda _c, ip: ip.is_multicast and ip.packed[0] == 224)],
    "isLinkLocalUnicast": [((_is_address,), lambda _charge, address: address.is_link_local)],
    "isGlobalUnicast": [
        (
            (_is_address,),
            lambda _c, ip: not (ip.is_multicast or ip.is_loopback or ip.is_unspecified or ip.is_link_local),
        )
    ],
    "ip": [((_is_network,), lambda _charge, network: network.network_address)],
    "prefixLength": [((_is_network,), lambda _charge, network: network.prefixlen)],
    "masked": [((_is_network,), lambda _charge, network: network)],
    "containsIP": [((_is_network, is_text), _contains_address), ((_is_network, _is_address), _contains_address)],
    "containsCIDR": [((_is_network, is_text), _contains_network), ((_is_network, _is_network), _contains_network)],
    "isInteger": [((_IS_QUANTITY,), lambda _c, value: value.number == value.number.to_integral_value())],
    "asInteger": [((_IS_QUANTITY,), _as_integer)],
    "asApproximateFloat": [((_IS_QUANTITY,), lambda _charge, value: float(value.number))],
    "sign": [((_IS_QUANTITY,), lambda _charge, value: _sign(value.number))],
    "add": [((_IS_QUANTITY, _IS_QUANTITY), _sum(1)), ((_IS_QUANTITY, is_int), _sum(1))],
    "sub": [((_IS_QUANTITY, _IS_QUANTITY), _sum(-1)), ((_IS_QUANTITY, is_int), _sum(-1))],
    "isGreaterThan": [((_IS_QUANTITY, _IS_QUANTITY), lambda _c, a, b: a.number > b.number)],
    "isLessThan": [((_IS_QUANTITY, _IS_QUANTITY), lambda _c, a, b: a.number < b.number)],
    "compareTo": [((_IS_QUANTITY, _IS_QUANTITY), lambda _c, a, b: _sign(a.number - b.number))],
}
