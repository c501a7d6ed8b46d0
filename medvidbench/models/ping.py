"""Whether a server is there, takes the key, and knows the model: one request that costs nothing."""

from __future__ import annotations

from dataclasses import dataclass

from medvidbench.errors import MedVidBenchError
from medvidbench.models.endpoints import Endpoint

SECONDS = 10.0
SHOWN = 8


@dataclass(frozen=True)
class Ping:
    """What a server said.

    Attributes:
        models: the names that it lists; servers may list none and serve all the same.
        known: whether the model is among them; None when it lists none.
    """

    models: tuple[str, ...]
    known: bool | None

    @property
    def detail(self) -> str:
        """One sentence for people."""
        if self.known is None:
            return "the server answers and lists no models"
        listed = ", ".join(self.models[:SHOWN]) + (", ..." if len(self.models) > SHOWN else "")
        return "the server answers and knows the model" if self.known else f"the server answers; it lists {listed}"


def ping(endpoint: Endpoint, model: str, timeout: float = SECONDS) -> Ping:
    """Ask an endpoint for its models.

    Raises:
        MedVidBenchError: it can't be reached in time, refuses the key, or answers with something else.
    """
    import openai

    client = openai.OpenAI(
        base_url=endpoint.base_url, api_key=endpoint.api_key or "none", max_retries=0, timeout=timeout
    )
    try:
        names = tuple(row.id for row in client.models.list())
    except openai.APIConnectionError as error:
        seen = f"{endpoint.base_url} can't be reached: {endpoint.redact(str(error.__cause__ or error))}."
        raise MedVidBenchError(seen, remedy="start the server or check its address") from error
    except openai.APIStatusError as error:
        seen = f"{endpoint.base_url} answers with status {error.status_code}: {endpoint.redact(error.message)[:300]}"
        remedy = f"check the key in {endpoint.key_variable}" if error.status_code in (401, 403) else ""
        raise MedVidBenchError(seen, remedy=remedy) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise MedVidBenchError(f"{endpoint.base_url} answers, but with no list of models.") from error
    finally:
        client.close()
    # Gemini lists "models/NAME" and takes both
    known = any(name.removeprefix("models/") == model.removeprefix("models/") for name in names)
    return Ping(names, known if names else None)
