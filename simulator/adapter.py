"""A way for a `requests.Session` to reach a Cloud in the same process, without a socket."""

import json
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from simulator.cloud import Cloud
from simulator.wire import Request


class CloudAdapter(HTTPAdapter):
    """Mount it on a session (`session.mount("http://schlage.test", CloudAdapter(cloud))`)."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__()
        self._cloud = cloud

    def send(  # type: ignore[override]  # its options are about sockets
        self, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        """The cloud's answer, as if it had come over the wire and may be read as a stream."""
        url = urlsplit(request.url or "")
        path = f"{url.path}?{url.query}" if url.query else url.path
        answer = self._cloud.handle(
            Request(request.method or "GET", path, dict(request.headers), request.body or b"")
        )
        body = b"" if answer.json is None else json.dumps(answer.json).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        return self.build_response(
            request,
            HTTPResponse(
                BytesIO(body),
                headers=headers | dict(answer.headers),
                status=answer.status,
                preload_content=False,
            ),
        )
