"""Chromium over WebDriver (W3C), by hand: what people open, without a library in between."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.request

import pytest

from flow.harness import PATIENCE, free_port, until

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--lang=en-US"]


class Browser:
    def __init__(self, driver, *flags):
        self.driver = driver
        self.profile = tempfile.mkdtemp(prefix="weir-chromium-")
        options = {"args": [*FLAGS, *flags, "--user-data-dir=" + self.profile], "binary": shutil.which("chromium")}
        answer = self.call("POST", driver + "/session",
                           {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}})
        self.session = driver + "/session/" + answer["sessionId"]

    @staticmethod
    def call(method, url, body=None):
        data = json.dumps(body).encode() if body is not None else None
        asked = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self.call("POST", self.session + "/url", {"url": url})

    def open_tab(self):
        """Returns its handle and goes there."""
        handle = self.call("POST", self.session + "/window/new", {"type": "tab"})["handle"]
        self.switch(handle)
        return handle

    def switch(self, handle):
        self.call("POST", self.session + "/window", {"handle": handle})

    def tab(self):
        return self.call("GET", self.session + "/window")

    def element(self, selector):
        found = self.call("POST", self.session + "/element", {"using": "css selector", "value": selector})
        return self.session + "/element/" + next(iter(found.values()))

    def text(self, selector):
        return self.call("GET", self.element(selector) + "/text")

    def type(self, selector, text):
        self.call("POST", self.element(selector) + "/clear", {})
        self.call("POST", self.element(selector) + "/value", {"text": text})

    def click(self, selector):
        self.call("POST", self.element(selector) + "/click", {})

    def wait_for(self, selector, pattern):
        return until(lambda: re.search(pattern, self.text(selector)), "%r in %s: %r" % (pattern, selector, self.text(selector)))

    def end(self):
        self.call("DELETE", self.session)
        shutil.rmtree(self.profile, ignore_errors=True)


@contextlib.contextmanager
def chromedriver(**env):
    """Yields its URL; the environment is that of the browsers that it starts."""
    if not shutil.which("chromedriver") or not shutil.which("chromium"):
        pytest.skip("chromium and chromium-driver are not there")
    port = free_port()
    process = subprocess.Popen(["chromedriver", "--port=%d" % port], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=dict(os.environ, **env))
    url = "http://127.0.0.1:%d" % port

    def ready():
        with contextlib.suppress(OSError):
            return Browser.call("GET", url + "/status")["ready"]
    try:
        until(ready, "chromedriver")
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE)
