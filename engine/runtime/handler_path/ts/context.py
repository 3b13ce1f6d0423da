"""What a handler learns about its model, its requests and their answers. One `Context` lives as long as its worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from .metrics.metric_cache_abstract import MetricsCacheAbstract

    class PartialSender(Protocol):
        """Sends the pieces of a streamed answer."""

        def send_partial(self, values: list[Any], message: str, code: int) -> None:
            """Send one piece to each request of the current batch."""


class RequestProcessor:
    """Headers of one request, and status and headers of its answer."""

    def __init__(self, request_header: dict[str, Any]) -> None:
        self._status_code = 200
        self._reason_phrase: str | None = None
        self._response_header: dict[str, str] = {}
        self._request_header = request_header

    def get_request_property(self, key: str) -> Any:
        """Return the header `key`, spelt as the client sent it, or None."""
        return self._request_header.get(key)

    def get_request_properties(self) -> dict[str, Any]:
        """Return every header of the request."""
        return self._request_header

    def report_status(self, code: int, reason_phrase: str | None = None) -> None:
        """Set the status of the answer."""
        self._status_code = code
        self._reason_phrase = reason_phrase

    def get_response_status_code(self) -> int:
        """Return the status of the answer, 200 unless set."""
        return self._status_code

    def get_response_status_phrase(self) -> str | None:
        """Return the reason phrase of the answer, None unless set."""
        return self._reason_phrase

    def add_response_property(self, key: str, value: str) -> None:
        """Set a header of the answer, in place of one of the same name."""
        self._response_header[key] = value

    def get_response_headers(self) -> dict[str, str]:
        """Return the headers of the answer."""
        return self._response_header

    def get_response_header(self, key: str) -> str | None:
        """Return one header of the answer, or None."""
        return self._response_header.get(key)


class Context:
    """Shared by all batches of a worker; handlers may keep attributes of their own on it.

    `request_ids` (batch index to id) and `request_processor` (one per request) are None while the handler initialises.
    """

    def __init__(
        self,
        model_name: str,
        model_dir: str,
        manifest: dict[str, Any] | None,
        batch_size: int,
        gpu: int | None,
        mms_version: str,
        limit_max_image_pixels: bool = True,
        metrics: MetricsCacheAbstract | None = None,
        model_yaml_config: Any = None,
    ) -> None:
        self.model_name = model_name
        self.manifest = manifest
        self._system_properties: dict[str, Any] = {
            "model_dir": model_dir,
            "gpu_id": gpu,
            "batch_size": batch_size,
            "server_name": "MMS",
            "server_version": mms_version,
            "limit_max_image_pixels": limit_max_image_pixels,
        }
        self.request_ids: dict[int, str] | None = None
        self.request_processor: list[RequestProcessor] | None = None
        self._metrics = metrics
        self.model_yaml_config = model_yaml_config
        self.stopping_criteria: list[Callable[[Any], bool | None]] | None = None
        self.cl_socket: PartialSender | None = None
        self.header_key_sequence_id = "ts_request_sequence_id"
        self.header_key_sequence_start = "ts_request_sequence_start"
        self.header_key_sequence_end = "ts_request_sequence_end"

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Context) and self.__dict__ == other.__dict__

    @property
    def system_properties(self) -> dict[str, Any]:
        """Facts about the worker: model_dir, gpu_id (None on CPU), batch_size, server_name, server_version."""
        return self._system_properties

    @property
    def metrics(self) -> Any:
        """The cache that metrics are emitted through."""
        return self._metrics

    @metrics.setter
    def metrics(self, metrics: MetricsCacheAbstract) -> None:
        self._metrics = metrics

    def get_request_id(self, idx: int = 0) -> str | None:
        """Return the id of one request of the batch, or None."""
        return self.request_ids.get(idx) if self.request_ids else None

    def get_request_header(self, idx: int, key: str) -> Any:
        """Return one header, its name spelt as the client sent it, or None; always None while initialising."""
        return self.request_processor[idx].get_request_property(key) if self.request_processor else None

    def get_all_request_header(self, idx: int) -> dict[str, Any]:
        """Return every header of one request."""
        return self._processor(idx).get_request_properties()

    def get_sequence_id(self, idx: int) -> Any:
        """Return the id of the sequence that the request belongs to, or None."""
        return self.get_request_header(idx, self.header_key_sequence_id)

    def set_response_content_type(self, idx: int, value: str) -> None:
        """Set the content type of one answer; none is sent otherwise."""
        self.set_response_header(idx, "content-type", value)

    def get_response_content_type(self, idx: int) -> str | None:
        """Return the content type set for one answer, or None."""
        return self._processor(idx).get_response_header("content-type")

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        """Set a header of one answer."""
        self._processor(idx).add_response_property(key, value)

    def get_response_headers(self, idx: int) -> dict[str, str]:
        """Return the headers set for one answer."""
        return self._processor(idx).get_response_headers()

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Set the status of one answer; does nothing while initialising."""
        if self.request_processor is not None:
            self.request_processor[idx].report_status(code, phrase)

    def set_all_response_status(self, code: int = 200, phrase: str = "") -> None:
        """Set the status of every answer of the batch."""
        for processor in self.request_processor or ():
            processor.report_status(code, phrase)

    def get_response_status(self, idx: int) -> tuple[int, str | None]:
        """Return status code and reason phrase of one answer."""
        processor = self._processor(idx)
        return processor.get_response_status_code(), processor.get_response_status_phrase()

    def _processor(self, idx: int) -> RequestProcessor:
        if self.request_processor is None:
            raise RuntimeError("There is no request yet: the handler is being initialised")
        return self.request_processor[idx]
