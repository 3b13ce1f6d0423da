"""Load on the deployment: locust -f locustfile.py --headless."""

from locust import HttpUser, task


class Client(HttpUser):
    @task
    def echo(self):
        with self.client.post("/predictions/echo", data=b"x", catch_response=True) as answer:
            if answer.text != "x":
                answer.failure(f"wrong answer {answer.text!r}")

    @task
    def sentiment(self):
        self.client.post("/predictions/sentiment", data={"data": "good"})
