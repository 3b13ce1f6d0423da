"""Sets the status, reason, headers and content type that the JSON body asks for."""


class SetAnswer:
    def initialize(self, context):
        self.initialized = True

    def handle(self, data, context):
        return [self.answer(index, row["body"], context) for index, row in enumerate(data)]

    def answer(self, index, wish, context):
        if "all" in wish:
            context.set_all_response_status(*wish["all"])
        if "status" in wish:
            context.set_response_status(wish["status"], wish.get("reason", ""), index)
        for name, value in wish.get("headers", []):
            context.set_response_header(index, name, value)
        if "content_type" in wish:
            context.set_response_content_type(index, wish["content_type"])
        return wish.get("answer", "answered")
