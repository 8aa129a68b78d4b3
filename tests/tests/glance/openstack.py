#!/usr/bin/env python3
"""Plays `openstack image create` and `openstack image show -f value -c id` before a real Glance."""
import json, os, sys, urllib.parse, urllib.request

GLANCE = os.environ["GLANCE"]


def ask(method, path, body=None, media="application/json"):
    request = urllib.request.Request(GLANCE + path, data=body, method=method, headers={"Content-Type": media})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as answer:
        return json.loads(answer.read() or "null")


words = sys.argv[3:]
if sys.argv[1:3] == ["image", "show"]:
    assert words[:4] == ["-f", "value", "-c", "id"] and len(words) == 5, words
    (found,) = ask("GET", "/v2/images?name=" + urllib.parse.quote(words[4]))["images"]
    print(found["id"])
else:
    assert sys.argv[1:3] == ["image", "create"], sys.argv
    image, path = {}, None
    while words:
        word = words.pop(0)
        if word == "--property":
            name, value = words.pop(0).split("=", 1)
            image[name] = value
        elif word == "--public":
            image["visibility"] = "public"
        elif word in ("--disk-format", "--container-format"):
            image[word[2:].replace("-", "_")] = words.pop(0)
        elif word in ("--min-disk", "--min-ram"):
            image[word[2:].replace("-", "_")] = int(words.pop(0))
        elif word == "--file":
            path = words.pop(0)
        else:
            assert not word.startswith("-") and not words, word
            image["name"] = word
    made = ask("POST", "/v2/images", json.dumps(image).encode())
    with open(path, "rb") as file:
        ask("PUT", f"/v2/images/{made['id']}/file", file.read(), "application/octet-stream")
