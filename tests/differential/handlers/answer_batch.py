"""Answers each request of a batch on its own: its body, its headers, its status, and how many came together."""


def answer(index, row, context):
    wish = row["body"]
    if "status" in wish:
        context.set_response_status(wish["status"], wish.get("reason", ""), index)
    if "header" in wish:
        context.set_response_header(index, "x-mine", wish["header"])
    return {"wish": wish, "seen": context.get_request_header(index, "X-Mark")}


def handle(data, context):
    if data is None:
        return None
    wishes = [row["body"] for row in data]
    if any(wish.get("raise") for wish in wishes):
        raise ValueError("one of them asked for it")
    answers = [answer(index, row, context) for index, row in enumerate(data)]
    for one in answers:
        one["together"] = len(data)
    return answers[:-1] if any(wish.get("drop") for wish in wishes) else answers
