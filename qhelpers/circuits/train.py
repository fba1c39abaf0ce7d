"""stub"""

from typing import Any


def ranks(circuit: Any) -> Any:
    return None


class Train:
    pass
