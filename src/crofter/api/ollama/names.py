"""Names as these clients know them: with a tag, `latest` when there is none."""

from crofter.api.services import Services
from crofter.core import CrofterError, ErrorCode

_LATEST = ":latest"


def known_name(services: Services, name: str) -> str:
    """The name that the node knows the model by. Raises MODEL_NOT_FOUND."""
    try:
        services.inference.resolve(name)
    except CrofterError as error:
        if error.code is not ErrorCode.MODEL_NOT_FOUND or not name.endswith(_LATEST):
            raise
        name = name.removesuffix(_LATEST)
        services.inference.resolve(name)
    return name


def tagged(name: str) -> str:
    """The name with a tag."""
    return name if ":" in name else name + _LATEST
