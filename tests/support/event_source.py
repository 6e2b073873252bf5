"""The event source mapping of Lambda for tests: it takes the messages of an SQS queue to a function, one at a time."""

import threading

import boto3

from devserver.error_responses import RequestFailed

# A message comes again before its pause is over, as SQS permits, so that tests are short.
RETRY_SECONDS = 1


class EventSource:
    """Threads that receive messages and invoke the worker until the context is closed."""

    def __init__(self, server, sqs_url, queue_url, threads):
        self._server, self._queue_url = server, queue_url
        self._name = queue_url.rpartition("/")[2]
        self._session = boto3.Session("testing", "testing", region_name="us-east-1")
        self._sqs_url, self._stop = sqs_url, threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        with self._lock:  # a session must not create clients in several threads at once
            client = self._session.client("sqs", endpoint_url=self._sqs_url)
        while not self._stop.is_set():
            response = client.receive_message(
                QueueUrl=self._queue_url, AttributeNames=["All"], WaitTimeSeconds=0
            )
            for message in response.get("Messages", []):
                receipt = {"QueueUrl": self._queue_url, "ReceiptHandle": message["ReceiptHandle"]}
                if self._deliver(message):
                    client.delete_message(**receipt)
                else:
                    client.change_message_visibility(**receipt, VisibilityTimeout=RETRY_SECONDS)
            if not response.get("Messages"):
                self._stop.wait(0.1)

    def _deliver(self, message):
        """Return whether the worker has finished the message. A worker that crashed has not."""
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{self._name}",
            "awsRegion": "us-east-1",
        }
        try:
            response = self._server.invoke("worker", {"Records": [record]})
        except RequestFailed:
            return False
        return "errorType" not in response and not response["batchItemFailures"]
