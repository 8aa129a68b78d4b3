"""The way to Glance, made bad on purpose, and a Keystone that is none.

A relay before a real Glance: it logs each request, can slow an upload down, cut it, flip a bit of it, lie about a hash, refuse,
and speak TLS. Below /identity it plays Keystone v3: it checks what a login holds and hands out tokens and a catalog, and the relay
asks for those tokens. It judges requests; it is no Keystone.

Argument: one JSON object; see `ask` below for its keys. Prints its port.
"""
import http.client, http.server, json, socket, socketserver, ssl, sys, time

ask = {
    "glance": 0,        # port of the real Glance
    "log": None,        # file that gets a line for each request: method, path
    "rate": 0,          # bytes a second of an upload; 0 is no limit
    "cut": 0,           # so many uploads are cut halfway
    "flip": False,      # a bit of each upload is flipped on the way
    "lie": False,       # os_hash_value of active images is told wrong
    "refuse": None,     # [method, status, text]
    "tls": None,        # [certificate, key]
    "login": None,      # what `auth` of a login must be
    "uses": 0,          # requests that a token is good for; 0 is no limit
}
ask.update(json.loads(sys.argv[1]))
state = {"cuts": ask["cut"], "token": None, "left": 0, "logins": 0}


class Way(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_expect_100(self):
        # Asked for before a body is sent: a refusal must come instead of it.
        return True

    def any(self):
        with open(ask["log"], "a") as log:
            log.write(f"{self.command} {self.path}\n")
        self.early = None if self.headers.get("Expect") else self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/identity"):
            return self.login()
        if ask["login"] and not self.token_is_good():
            self.close_connection = self.early is None
            return self.answer(401, b"<html><body>Unauthorized</body></html>")
        if ask["refuse"] and self.command == ask["refuse"][0]:
            self.close_connection = True
            return self.answer(ask["refuse"][1], ask["refuse"][2].encode())
        self.relay()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = any

    def token_is_good(self):
        good = state["token"] is not None and self.headers.get("X-Auth-Token") == state["token"]
        if good and ask["uses"]:
            state["left"] -= 1
            good = state["left"] >= 0
        return good

    def login(self):
        body = json.loads(self.early)
        if self.path != "/identity/v3/auth/tokens" or body["auth"] != ask["login"]:
            told = json.dumps({"error": {"code": 401, "message": "The request you have made requires authentication: " + json.dumps(body)}})
            return self.answer(401, told.encode(), [("Content-Type", "application/json")])
        state["logins"] += 1
        state["token"], state["left"] = f"token-{state['logins']}-of-the-trial", ask["uses"]
        scheme = "https" if ask["tls"] else "http"
        here = f"{scheme}://{self.headers['Host']}/v2"
        # Every key that Keystone sends (Identity API v3, "Password authentication with scoped authorization").
        def endpoint(interface, region, url):
            return {"id": f"{interface}-{region}", "interface": interface, "region": region, "region_id": region, "url": url}

        endpoints = [
            endpoint("internal", "here", "http://127.0.0.1:9/"),
            endpoint("public", "elsewhere", "http://127.0.0.1:9/"),
            endpoint("public", "here", here),
        ]
        services = [
            {"id": "1", "name": "nova", "type": "compute", "endpoints": []},
            {"id": "2", "name": "glance", "type": "image", "endpoints": endpoints},
        ]
        token = {"token": {
            "methods": ["password"], "audit_ids": ["a"], "is_domain": False, "expires_at": "2099-01-01T00:00:00.000000Z",
            "issued_at": "2026-01-01T00:00:00.000000Z", "user": {"id": "u", "name": "u", "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": "r", "name": "member"}], "catalog": services,
        }}
        self.answer(201, json.dumps(token).encode(), [("X-Subject-Token", state["token"])])

    def relay(self):
        length = int(self.headers.get("Content-Length") or 0)
        if self.headers.get("Expect"):
            self.send_response_only(100)
            self.end_headers()
        there = http.client.HTTPConnection("127.0.0.1", ask["glance"])
        there.putrequest(self.command, self.path, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("host", "expect", "connection", "x-auth-token"):
                there.putheader(name, value)
        there.endheaders()
        is_upload = self.command == "PUT"
        cut = is_upload and state["cuts"] > 0
        state["cuts"] -= cut
        done, start = 0, time.monotonic()
        if self.early:
            there.send(self.early)
            done = length
        while done < length:
            piece = self.rfile.read1(min(1 << 16, length - done))
            if not piece or (cut and done >= length // 2):
                return self.hang_up(there)
            if is_upload and ask["flip"] and done == 0:
                piece = bytes([piece[0] ^ 1]) + piece[1:]
            there.send(piece)
            done += len(piece)
            if is_upload and ask["rate"]:
                time.sleep(max(0, done / ask["rate"] - (time.monotonic() - start)))
        got = there.getresponse()
        body = got.read()
        if ask["lie"] and b'"active"' in body:
            told = json.loads(body)
            if "os_hash_value" in told:
                told["os_hash_value"] = "0" * 128
                body = json.dumps(told).encode()
        kept = [(n, v) for n, v in got.getheaders() if n.lower() not in ("content-length", "connection", "transfer-encoding")]
        self.answer(got.status, body, kept)
        there.close()

    def hang_up(self, there):
        """Both ends are left at once, as a broken line leaves them."""
        self.close_connection = True
        there.sock.shutdown(socket.SHUT_RDWR)
        there.close()
        self.connection.close()


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", 0), Way)
if ask["tls"]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ask["tls"])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
