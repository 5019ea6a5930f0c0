"""A real S3 server for the tests: moto's, over HTTP on the loopback."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

_numbers = itertools.count(1)  # all servers of a process show the same buckets


@dataclass(frozen=True, slots=True)
class Bucket:
    """An empty bucket, and how to look into it past our own code."""

    name: str
    endpoint: str
    client: Any

    @property
    def config(self) -> dict[str, str]:
        """The configuration that puts attachments there."""
        return {"attachments_url": f"s3://{self.name}/below/a prefix", "attachments_s3_endpoint": self.endpoint}

    def keys(self) -> list[str]:
        """What lies in it."""
        return [item["Key"] for item in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def unfinished(self) -> list[str]:
        """Multipart uploads that were neither completed nor aborted."""
        return [item["Key"] for item in self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])]


@contextmanager
def running_bucket() -> Iterator[Bucket]:
    """Start the server, with credentials for it in the environment."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    credentials = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"}
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in credentials.items():
            patch.setenv(variable, value)
        host, port = server.get_host_and_port()
        name = f"bucket-{next(_numbers)}"
        client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
        client.create_bucket(Bucket=name)
        try:
            yield Bucket(name, f"http://{host}:{port}", client)
        finally:
            server.stop()
