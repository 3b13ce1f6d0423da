"""The context and request processors that handlers see."""

from __future__ import annotations

import pytest

from ts.context import Context, RequestProcessor
from ts.handler_utils.utils import import_class, send_intermediate_predict_response


@pytest.fixture
def context() -> Context:
    return Context("net", "/models/net", {"model": {}}, 2, 1, "0.12.0", model_yaml_config={"a": 1})


@pytest.fixture
def busy(context: Context) -> Context:
    context.request_ids = {0: "id-0", 1: "id-1"}
    context.request_processor = [RequestProcessor({"Key": "a", "ts_request_sequence_id": "s"}), RequestProcessor({})]
    return context


def test_system_properties_tell_about_the_worker(context: Context) -> None:
    assert context.system_properties == {
        "model_dir": "/models/net",
        "gpu_id": 1,
        "batch_size": 2,
        "server_name": "MMS",
        "server_version": "0.12.0",
        "limit_max_image_pixels": True,
    }


def test_there_is_no_request_while_initialising(context: Context) -> None:
    assert (context.request_ids, context.request_processor, context.stopping_criteria) == (None, None, None)
    assert context.get_request_id() is None
    assert context.get_request_header(0, "Key") is None
    context.set_response_status(500, "ignored")
    context.set_all_response_status(500)
    with pytest.raises(RuntimeError, match="no request yet"):
        context.set_response_header(0, "a", "b")


def test_headers_are_read_as_the_client_spelt_them(busy: Context) -> None:
    assert (busy.get_request_header(0, "Key"), busy.get_request_header(0, "key")) == ("a", None)
    assert busy.get_all_request_header(1) == {}
    assert (busy.get_request_id(1), busy.get_request_id(2)) == ("id-1", None)
    assert busy.get_sequence_id(0) == "s"


def test_each_answer_has_its_own_status_and_headers(busy: Context) -> None:
    busy.set_response_status(404, "None", 1)
    busy.set_response_content_type(0, "text/csv")
    busy.set_response_header(0, "x-a", "1")
    busy.set_response_header(0, "x-a", "2")
    assert [busy.get_response_status(index) for index in (0, 1)] == [(200, None), (404, "None")]
    assert busy.get_response_headers(0) == {"content-type": "text/csv", "x-a": "2"}
    assert (busy.get_response_content_type(0), busy.get_response_content_type(1)) == ("text/csv", None)


def test_one_status_can_be_set_for_all(busy: Context) -> None:
    busy.set_all_response_status(202, "Taken")
    assert [busy.get_response_status(index) for index in (0, 1)] == [(202, "Taken")] * 2


def test_contexts_with_the_same_content_are_equal() -> None:
    first, second = (Context("net", "", None, 1, None, "1") for _ in range(2))
    assert first == second
    first.cache = {}  # type: ignore[attr-defined]  # handlers keep what they like
    assert first != second


def test_streaming_needs_a_running_batch(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    for lacking in (None, context):
        with pytest.raises(ValueError, match="context of a running batch"):
            send_intermediate_predict_response(["a"], {0: "id"}, "ok", 200, lacking)
    monkeypatch.setenv("LOCAL_RANK", "1")
    send_intermediate_predict_response(["a"], {0: "id"}, "ok", 200, None)


def test_a_class_is_imported_by_its_dotted_name() -> None:
    assert import_class("ts.context.Context") is import_class("Context", "ts.context") is Context
    for absent in ("ts.context.Nothing", "nowhere.Thing", "Thing"):
        with pytest.raises(ImportError, match="Failed to import class"):
            import_class(absent)
