"""The one table of deliberate differences between TorchServe 0.12.0 and Marina in its dialect. Pure.

Anything else in which the two differ is a defect of Marina. Each row says why, and `documented` is a passage of
docs/torchserve-compatibility.md.
"""

from __future__ import annotations

import re

from tests.differential.comparison import Difference, Exchange, Mismatch
from tests.differential.inputs import UNKNOWN_METHOD

BODYS_WAY = {f"handler's header {name}" for name in ("Expect", "Transfer-Encoding", "Content-Length", "content-length")}


def _octets(_: Exchange, mismatch: Mismatch) -> bool:
    return mismatch.aspect == "header content-type" and mismatch[1:] == (None, "application/octet-stream")


def _allow(_: Exchange, mismatch: Mismatch) -> bool:
    return mismatch.aspect == "header allow" and mismatch.theirs is None


def _date(_: Exchange, mismatch: Mismatch) -> bool:
    return mismatch.aspect == "header date" and mismatch.theirs is None


def _nosniff(_: Exchange, mismatch: Mismatch) -> bool:
    return mismatch.aspect == "header x-content-type-options" and mismatch.ours == "nosniff"


def _closes(exchange: Exchange, mismatch: Mismatch) -> bool:
    asked = ("connection", "close") in {(name.lower(), value) for name, value in exchange.request.headers}
    too_large = exchange.ours.status == 413
    return mismatch.aspect == "header connection" and mismatch.ours == "close" and (asked or too_large)


def _way_of_the_body(_: Exchange, mismatch: Mismatch) -> bool:
    return mismatch.aspect in BODYS_WAY


def _unknown_method(exchange: Exchange, _: Mismatch) -> bool:
    return exchange.request.method == UNKNOWN_METHOD and exchange.ours.status == 400


def _unreadable_form(exchange: Exchange, _: Mismatch) -> bool:
    is_form = "form" in exchange.request.header("content-type").lower()
    unseen = exchange.request.method == "HEAD"
    said = unseen or b'"ErrorDataDecoderException"' in exchange.theirs.body
    return is_form and exchange.theirs.status == 500 and said


def _preamble(exchange: Exchange, mismatch: Mismatch) -> bool:
    has_one = (exchange.request.body or b"").startswith(b"preamble\r\n")
    return has_one and mismatch.aspect.startswith("handler's ") and mismatch.theirs in (None, [])


def _type_of_a_part(_: Exchange, mismatch: Mismatch) -> bool:
    return mismatch.theirs == ["dict", {"content-type": "v=1"}]


def _form_in_capitals(exchange: Exchange, mismatch: Mismatch) -> bool:
    kind = exchange.request.header("content-type")
    return kind.startswith("Multipart/Form-Data") and mismatch.aspect.startswith("handler's ")


def _semicolon(exchange: Exchange, mismatch: Mismatch) -> bool:
    return ";" in exchange.request.path and mismatch.aspect.startswith("handler's ")


def _error_with_200(exchange: Exchange, _: Mismatch) -> bool:
    return b'"code": 200' in (exchange.request.body or b"") and exchange.theirs.body == b"error"


def _never_answers(exchange: Exchange, mismatch: Mismatch) -> bool:
    own = b'"ts_stream_next"' in (exchange.request.body or b"")
    return own and mismatch.aspect == "answered" and mismatch.ours == 200


def _no_model_name(exchange: Exchange, _: Mismatch) -> bool:
    if not exchange.request.path.startswith("/invocations") or exchange.ours.status != 400:
        return False
    unseen = exchange.request.method == "HEAD"
    return exchange.theirs.status == 404 and (
        unseen or b'Model not found: "' in exchange.theirs.body.replace(b"null", b"")
    )


def _too_large_for_nobody(exchange: Exchange, _: Mismatch) -> bool:
    return exchange.theirs.status == 413 and exchange.ours.status in {404, 405}


def _stream_with_an_error(exchange: Exchange, _: Mismatch) -> bool:
    return exchange.ours.status >= 400 and exchange.theirs.error == "broken off" and not exchange.ours.error


def _two_spellings(exchange: Exchange, mismatch: Mismatch) -> bool:
    wish = (exchange.request.body or b"").lower()
    name = mismatch.aspect.removeprefix("header ")
    spelled = wish.count(f'["{name}", '.encode()) + wish.count(b'"content_type"') * (name == "content-type")
    return mismatch.aspect.startswith("header ") and spelled > 1


def _unsendable(exchange: Exchange, _: Mismatch) -> bool:
    """TorchServe's worker died of an answer; Marina's did not."""
    wish = exchange.request.body or b""
    odd = b'"lone surrogate"' in wish or b'"reason": "\\u' in wish
    return odd and exchange.theirs.status == 500 and b"Worker died." in exchange.theirs.body


def _beyond_ascii(_: Exchange, mismatch: Mismatch) -> bool:
    """Both are read as Latin-1 here, so that UTF-8 shows as two characters."""
    if not isinstance(mismatch.theirs, str) or not isinstance(mismatch.ours, str):
        return False
    try:
        return mismatch.aspect.startswith("header ") and mismatch.ours.encode("latin-1").decode() == mismatch.theirs
    except UnicodeError:
        return False


def _made_up_reason(exchange: Exchange, mismatch: Mismatch) -> bool:
    made_up = re.fullmatch(r"[A-Z][A-Za-z ]+ \(\d{3}\)", str(mismatch.theirs))
    return mismatch.aspect == "reason" and bool(made_up) and exchange.theirs.status == exchange.ours.status


def _marinas_own_fields(_: Exchange, mismatch: Mismatch) -> bool:
    return bool(re.fullmatch(r"json .*\.(engine|state)", mismatch.aspect)) and mismatch.theirs is None


def _timeouts(_: Exchange, mismatch: Mismatch) -> bool:
    return bool(re.fullmatch(r"json .*\.(response|startup)Timeout", mismatch.aspect))


def _reason_of_customized(exchange: Exchange, mismatch: Mismatch) -> bool:
    return "customized=true" in exchange.request.path and mismatch == ("reason", "", "OK")


def _named_parameter(exchange: Exchange, _: Mismatch) -> bool:
    """A bad number that TorchServe corrects in silence, or a mistake that it answers with a Java exception."""
    mistake = re.search(r"(limit|next_page_token|initial_workers|batch_size)=(-|x)", exchange.request.path)
    return exchange.ours.status == 400 and (bool(mistake) or exchange.theirs.status == 500)


EVERYWHERE: tuple[Difference, ...] = (
    Difference(
        "a Content-Type where a handler sets none",
        "HTTP: whoever gets no type may assume this one",
        "`application/octet-stream` where a handler sets no content type",
        _octets,
        general=True,
    ),
    Difference(
        "Date",
        "HTTP asks servers that have a clock for a date",
        "`Date`",
        _date,
        general=True,
    ),
    Difference("Allow with 405", "HTTP asks for it", "`Allow` with 405", _allow),
    Difference(
        "X-Content-Type-Options",
        "no browser may take an answer for something else than it says",
        "and `X-Content-Type-Options: nosniff`",
        _nosniff,
        general=True,
    ),
    Difference(
        "connection: close said before closing",
        "HTTP asks whoever is going to close a connection to say so",
        "also with a 413, and where the client asks for it",
        _closes,
    ),
)
INFERENCE: tuple[Difference, ...] = (
    *EVERYWHERE,
    Difference(
        "headers on the way of the body",
        "the handler sees what the client sent",
        "those about the way of the body",
        _way_of_the_body,
    ),
    Difference(
        "a method that HTTP does not know",
        "the parser of HTTP refuses it before anybody could ask what it means",
        "a method that HTTP does not know",
        _unknown_method,
    ),
    Difference(
        "a form that TorchServe cannot read",
        "a form that can be understood is no reason to fail",
        "a urlencoded form with an empty name or `%zz`, a part in a charset Java does not know",
        _unreadable_form,
    ),
    Difference(
        "a form with a preamble",
        "RFC 2046 allows one; losing every part in silence helps nobody",
        "a multipart form with a preamble",
        _preamble,
    ),
    Difference(
        "the type of a file part with a blank before its parameters",
        "a parameter is no type",
        "TorchServe says `v=1`",
        _type_of_a_part,
    ),
    Difference(
        "a form whose type is written in capitals",
        "case means nothing in media types",
        "a content type `multipart/form-data` in capitals",
        _form_in_capitals,
    ),
    Difference("a ; in the query", "the URL standard gives it no meaning", "a `;` in the query", _semicolon),
    Difference(
        "a PredictionException with the code 200",
        "what was raised as an error is told as one",
        "a `PredictionException` with the code 200",
        _error_with_200,
    ),
    Difference(
        "a handler's own header ts_stream_next",
        "every request gets an answer",
        "a header `ts_stream_next` of the handler's own",
        _never_answers,
    ),
    Difference(
        "a request that names no model",
        "a caller's mistake is named",
        "an empty `model_name` in the query, or a form without one",
        _no_model_name,
    ),
    Difference(
        "a large body for a path that nobody serves",
        "what nobody reads is not measured",
        "a body over `max_request_size` where there is nothing",
        _too_large_for_nobody,
    ),
    Difference(
        "an error status with an answer in pieces",
        "what a handler says arrives",
        "an answer in pieces with a status from 400 on",
        _stream_with_an_error,
    ),
    Difference(
        "one header in two spellings",
        "TorchServe takes the one that its table of hashes has last",
        "a header that a handler sets in two spellings",
        _two_spellings,
    ),
    Difference(
        "an answer that cannot be sent",
        "one odd answer is no reason to end a worker",
        "an answer that no text can hold (a lone surrogate), a reason that is not ASCII",
        _unsendable,
    ),
    Difference("header values beyond ASCII", "nothing is lost", "a handler's header beyond ASCII", _beyond_ascii),
    Difference(
        "a reason for a status without a name",
        "a reason says nothing that the code does not",
        "the reason of a status that HTTP does not name",
        _made_up_reason,
    ),
)
MANAGEMENT: tuple[Difference, ...] = (
    *EVERYWHERE,
    Difference(
        "fields of Marina's own in descriptions",
        "the document has the engine, and people want to know why a worker is not ready",
        "same, with more: `engine` (the document has it), and for each worker `state`",
        _marinas_own_fields,
    ),
    Difference(
        "timeouts of an archive with a model-config",
        "the document; TorchServe forgets the call's and the server's as soon as an archive has a model-config",
        "the call wins over the archive's model-config",
        _timeouts,
    ),
    Difference(
        "the reason of a customized description",
        "every description has the same",
        "the reason is `OK` with a customized description too",
        _reason_of_customized,
    ),
    Difference(
        "a parameter that cannot be meant",
        "what is corrected silently hides mistakes",
        "where TorchServe shows a Java exception, or 500 for a caller's mistake",
        _named_parameter,
    ),
)
