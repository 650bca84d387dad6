"""Error bodies, byte for byte, with the spacing and the mixed types of `cod` that the service sends.

`cod` is a string in 400 and 404 and an int in 401 and 429, whose bodies also carry spaces after colon and
comma.
Sources: openweathermap.org/faq and openweathermap.org/api/one-call-3 (errors).
"""

from __future__ import annotations

import orjson

INVALID_KEY = (
    b'{"cod":401, "message": "Invalid API key. Please see https://openweathermap.org/faq#error401 for more info."}'
)
_NO_ONE_CALL = (
    b'{"cod":401, "message": "Please note that using One Call %b requires a separate '
    b"subscription to the One Call by Call plan. Learn more here "
    b"https://openweathermap.org/price. If you have a valid subscription to the One Call by "
    b"Call plan, but still receive this error, then please see "
    b'https://openweathermap.org/faq#error401 for more info."}'
)
# By version of One Call.
NO_ONE_CALL = {3: _NO_ONE_CALL % b"3.0", 4: _NO_ONE_CALL % b"4.0"}
TOO_MANY = (
    b'{"cod":429, "message": "Your account is temporary blocked due to exceeding of requests '
    b"limitation of your subscription type. Please choose the proper subscription "
    b'https://openweathermap.org/price"}'
)
INTERNAL = b'{"cod":"500","message":"Internal error: 500001"}'
NOTHING_TO_GEOCODE = b'{"cod":"400","message":"Nothing to geocode"}'
CITY_NOT_FOUND = b'{"cod":"404","message":"city not found"}'
NOT_FOUND = b'{"cod":"404","message":"not found"}'
# The shape of the service before 2016, which put errors into HTTP 200.
ERROR_IN_200 = b'{"message":"Error: Not found city","cod":"404"}'


class ApiError(Exception):
    """Error answer: HTTP status and body."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def bad_request(message: str) -> ApiError:
    """Return the 400 of the older products, where `cod` is a string."""
    return ApiError(400, orjson.dumps({"cod": "400", "message": message}))


def bad_parameter(message: str, *parameters: str) -> ApiError:
    """Return the 400 of the newer products, where `cod` is an int and the parameters are named."""
    return ApiError(400, orjson.dumps({"cod": 400, "message": message, "parameters": list(parameters)}))


def gateway_page(status: int, reason: str) -> bytes:
    """Return the HTML page which the gateway in front of the service sends when the service is down."""
    title = f"{status} {reason}"
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>openresty</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def body_for(status: int, path: str) -> bytes:
    """Return the usual body of an error status on a path, for injected faults."""
    if status == 404:
        return NOT_FOUND if path.startswith("/geo/") else CITY_NOT_FOUND
    return {
        400: NOTHING_TO_GEOCODE,
        401: INVALID_KEY,
        429: TOO_MANY,
        500: INTERNAL,
        502: gateway_page(502, "Bad Gateway"),
        503: gateway_page(503, "Service Temporarily Unavailable"),
        504: gateway_page(504, "Gateway Time-out"),
    }.get(status) or orjson.dumps({"cod": str(status), "message": "Internal error"})
