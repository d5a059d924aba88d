#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A daemon's control socket without a daemon, for tests of sluicectl (docs/protocol.md).

usage: fake_api.py SOCKET LOG [--state ok|degraded|fault] [--behave hang|close|garbage|forbid]

Writes one line a request to LOG: METHOD PATH BODY. Strict where the daemon is: unknown paths,
methods and fields are errors, bodies must be JSON with the right content type.
"""

import argparse
import http.server
import json
import os
import re
import socketserver
import time
import urllib.parse

ARGS = None


def flows(**more):
    result = {"slots_new": 0, "slots_old": 0, "known": 0, "counted": False, "drained": False,
              "learning_left_s": 0}
    result.update(more)
    return result


# What a member that drains has, from one look at it to the next.
LEAVING = [flows(slots_old=7, known=2, learning_left_s=240), flows(known=3, counted=True),
           flows(known=3, counted=True), flows(counted=True, drained=True)]


def member(pool, address, weight=100, **more):
    result = {
        "service": "web", "pool": pool, "address": address, "port": 443, "owner": "file",
        "weight": weight, "weight_file": weight, "now_percent": 100.0, "of_new_percent": 33.3,
        "state": "serving", "admin": "ready", "health": "up", "health_text": "",
        "health_since_s": int(time.time()) - 3600, "latency_us": 1800,
        "nexthop": {"state": "resolved", "text": "", "device": "eth0",
                    "mac": "02:00:00:00:00:01", "mtu": 1500},
        "flows": flows(slots_new=1365, slots_old=1365),
        "packets": 1234567, "bytes": 987654321, "new_connections": 4321,
        "rates": {"packets": 430000.0, "bytes": 129000000.0, "new_connections": 4130.0}}
    result.update(more)
    return result


MEMBERS = [member("default", "10.1.0.11"), member("default", "10.2.0.11"),
           member("default", "10.3.0.11", 50)]
LIMITS = [{
    "name": "per-client", "count": "new-connections", "rate": "50/s", "rate_n": 50, "rate_s": 1,
    "burst": 200, "prefix4": 32, "prefix6": 64, "mode": "enforce", "mode_file": "shadow",
    "scope": "service", "overload": "open", "count_replies": False,
    "except": [{"prefixes": ["198.51.100.0/24"], "rate": "500/s", "rate_n": 500, "rate_s": 1,
                "burst": None},
               {"prefixes": ["192.0.2.0/24"], "rate": "5/s", "rate_n": 5, "rate_s": 1,
                "burst": 2500}],
    "sources": 262144, "sources_in_use": 1200, "shared_one_in": 1789569,
    "exact_up_to_pps": 13107200, "services": ["web"], "passed": 1000,
    "refused": 38100, "would_refuse": 0, "replaced_debt": 0,
    "rates": {"refused": 0.0, "would_refuse": 0.0}}]


def pool():
    return {"service": "web", "name": "default", "share": 100, "mode": "gue", "gue_port": 6080,
            "check": {"type": "tcp", "port": 0, "interval_ms": 2000, "timeout_ms": 1000,
                      "fast_ms": 500, "down_ms": 5000, "fall": 3, "rise": 2},
            "members": MEMBERS}


def service():
    serving = sum(m["state"] == "serving" for m in MEMBERS)
    return {"name": "web", "listen": "tcp 192.0.2.10:443", "mode": "ipip", "owner": "file",
            "state": "ok" if serving == len(MEMBERS) else "degraded" if serving else "down",
            "members_total": len(MEMBERS), "members_serving": serving,
            "weight_serving_percent": 80, "table": "9c41e07a", "slots": 4096,
            "packets": 3703701, "bytes": 2962962963, "new_connections": 12963,
            "rates": {"packets": 1290000.0, "bytes": 387500000.0, "new_connections": 12400.0},
            "limits": ["per-client"], "pools": [pool()]}


def status():
    result = {
        "state": ARGS.state, "summary": "web: all 3 members serving", "why": [], "next": None,
        "node": {"name": "lb1", "version": "0.1.0", "instance": "default",
                 "uptime_s": 41 * 86400, "revision": 87, "loaded_at_s": int(time.time()) - 90000,
                 "runtime_changes": True, "runtime_change_count": 1},
        "interfaces": [{"name": "eth0", "ifindex": 2, "mode": "native", "is_dispatched": False,
                        "driver": "mlx5_core", "attached_s": 41 * 86400, "program_id": 12}],
        "rates": {"forwarded_pps": 1380000.0, "passed_pps": 4100.0, "dropped_pps": 38100.0},
        "services": [service()], "limits": LIMITS,
        "dropped": [{"reason": "limit", "help": "refused by a per-source limit", "total": 38100,
                     "per_second": 0.0}]}
    if ARGS.state == "degraded":
        result["summary"] = "web: 2 of 3 members serving, 80 % of configured weight"
        result["why"] = ["10.3.0.11 ejected 4 min ago: 3 connect timeouts"]
        result["next"] = "sluicectl member show web 10.3.0.11"
    if ARGS.state == "fault":
        result["summary"] = "web: no member serves"
    return result


class Refused(Exception):
    def __init__(self, http_status, code, message, hint="", pointer=""):
        super().__init__(message)
        self.http_status = http_status
        self.error = {"code": code, "message": message}
        if hint:
            self.error["hint"] = hint
        if pointer:
            self.error["pointer"] = pointer
        self.errors = None


def find_member(text):
    for m in MEMBERS:
        if text in (m["address"], "%s:%d" % (m["address"], m["port"])):
            return m
    raise Refused(404, "not_found", "no member %s in web/default" % text,
                  "did you mean 10.1.0.11?", "/member")


def check_service(name):
    if name != "web":
        raise Refused(404, "not_found", "no service %s" % name, "did you mean web?", "/service")


def check_pool(name):
    if name not in ("-", "default"):
        raise Refused(404, "not_found", "no pool %s in web" % name, "it has default", "/pool")


def check_fields(body, allowed):
    for key in body:
        if key not in allowed:
            raise Refused(422, "unknown_key", "unknown field %s" % key, "", "/" + key)


def check_weight(body):
    check_fields(body, ["weight"])
    if "weight" in body and not 0 <= body["weight"] <= 65535:
        raise Refused(422, "invalid", "weight %d is out of range" % body["weight"],
                      "0 to 65535", "/weight")


def put_member(address, body):
    check_weight(body)
    for m in MEMBERS:
        if m["address"] == address:
            break
    else:
        m = member("default", address, owner="api", state="checking", health="unknown")
        MEMBERS.append(m)
    m["weight"] = body.get("weight", m["weight"])
    return m


def reload_config(body):
    check_fields(body, ["force", "confirm_within_s"])
    if ARGS.state == "fault":
        refusal = Refused(422, "unknown_key", "unknown key intervall", "did you mean interval?")
        refusal.errors = [
            {"code": "unknown_key", "message": "unknown key intervall", "path": "services.web",
             "hint": "did you mean interval?", "line": 12, "column": 3,
             "file": "/etc/sluice/sluice.yaml"},
            {"code": "invalid", "message": "weight 70000 is out of range", "hint": "0 to 65535",
             "path": "services.web.members[1].weight", "line": 15, "column": 9,
             "file": "/etc/sluice/sluice.yaml"}]
        raise refusal
    if ARGS.state == "degraded" and not body.get("force"):
        raise Refused(409, "conflict", "2 of 3 members would go", "reload --force does it")
    result = {"revision": 88, "changed": True}
    if "confirm_within_s" in body:
        result["confirm_within_s"] = body["confirm_within_s"]
    return result


def end_trial(result):
    if ARGS.state == "degraded":
        raise Refused(409, "conflict", "nothing is on trial", "sluicectl status shows what is")
    return {"kind": "reload" if ARGS.state == "fault" else "start", "result": result,
            "revision": 88, "config_path": "/srv/new.yaml"}


BYPASS = {"limits": None, "lists": None}


ROLE = ["active"]
ROLE_SINCE = [time.time()]


def node(method, parts, body):
    changed = False
    if method == "PUT" and parts == ["node", "role"]:
        changed = ROLE[0] != body["role"]
        ROLE[0] = body["role"]
        ROLE_SINCE[0] = time.time() if changed else ROLE_SINCE[0]
    installed = 3 if ROLE[0] == "active" else 0
    failure = ""
    if ARGS.state == "degraded":
        installed, failure = 2, "cannot install the route to 192.0.2.9 in table 201: File exists"
    # In state fault packets arrive for ever.
    quiet_s = 0 if ARGS.state == "fault" else int(time.time() - ROLE_SINCE[0])
    return {"name": "lb1", "role": ROLE[0], "changed": changed,
            "traffic": {"packets": 4711, "quiet_s": quiet_s},
            "announce": {"arp": 1, "routes": 3, "routes_installed": installed, "table": 201,
                         "protocol": 201, "failure": failure}}


def bypass(method, body):
    if method == "PUT":
        check_fields(body, ["what", "for_s"])
        for what in ("limits", "lists"):
            if body["what"] in (what, "all"):
                BYPASS[what] = {"left_s": body["for_s"], "since_s": int(time.time()),
                                "by": "alice"}
    if method == "DELETE":
        BYPASS.update(limits=None, lists=None)
    return BYPASS


def route(method, path, query, body):
    parts = [urllib.parse.unquote(p) for p in path.strip("/").split("/")][1:]
    if method == "GET" and parts == ["version"]:
        return {"version": "0.1.0", "api": 1, "abi": 1}
    if method == "GET" and parts == ["status"]:
        return status()
    if parts[0] == "node":
        return node(method, parts, body)
    if parts == ["bypass"]:
        return bypass(method, body)
    if method == "GET" and parts == ["stats"]:
        return {"verdicts": [
            {"name": "forwarded", "action": "forward", "help": "sent to a member",
             "packets": 3703701, "bytes": 2962962963},
            {"name": "limit", "action": "drop", "help": "refused by a per-source limit",
             "packets": 38100, "bytes": 2286000},
            {"name": "too_big", "action": "drop", "help": "exceeds the path MTU",
             "packets": 0, "bytes": 0}],
            "received_packets": 3741801, "events_suppressed": 7, "slots_moved": 1365,
            "settled": True}
    if method == "GET" and parts == ["events"]:
        since = int(query.get("since", ["0"])[0])
        events = [{"seq": n, "time_s": 1700000000 + n, "type": "member_down", "service": "web",
                   "pool": "default", "member": "10.3.0.11:443", "text": "connect timed out"}
                  for n in (1, 2, 3)]
        return {"events": [e for e in events if e["seq"] > since], "last": 3, "gap": since == 2}
    if method == "GET" and parts == ["limits"]:
        return {"limits": LIMITS}
    if parts[:1] == ["limits"] and len(parts) >= 2:
        if parts[1] != "per-client":
            raise Refused(404, "not_found", "no limit %s" % parts[1], "did you mean per-client?")
        if method == "PUT" and parts[2:] == ["mode"]:
            check_fields(body, ["mode"])
            LIMITS[0]["mode"] = body["mode"]
            return LIMITS[0]
        if method == "GET" and not parts[2:]:
            return LIMITS[0]
    if method == "GET" and parts == ["config", "dropin"]:
        directory = os.path.join(os.path.dirname(ARGS.log), "sluice.d")
        return {"path": os.path.join(directory, "90-runtime.yaml"), "text": "version: 1\n",
                "changes": 2, "left_out": [{"object": "list blocked",
                                             "text": "2 entries with a time to live"}]}
    if method == "POST" and parts == ["config", "reload"]:
        return reload_config(body)
    if method == "POST" and parts == ["config", "try"]:
        check_fields(body, ["config", "confirm_within_s", "force", "name"])
        return dict(reload_config({"force": body["force"]}),
                    confirm_within_s=body["confirm_within_s"])
    if method == "POST" and parts in (["confirm"], ["undo"]):
        return end_trial("confirmed" if parts == ["confirm"] else "undone")
    if method == "POST" and parts == ["detach"]:
        return {"detached": ["eth0"]}
    if method == "GET" and parts == ["services"]:
        return {"services": [service()]}
    if parts[:1] == ["services"] and len(parts) >= 2:
        return route_service(method, parts[1:], body)
    raise Refused(404, "not_found", "no operation has the path %s" % path)


def route_service(method, parts, body):
    check_service(parts[0])
    if method == "GET" and len(parts) == 1:
        return service()
    if method == "GET" and parts[1:] == ["pools"]:
        return {"pools": [pool()]}
    if parts[1:2] == ["pools"] and len(parts) >= 3:
        check_pool(parts[2])
        if method == "GET" and len(parts) == 3:
            return pool()
        if method == "GET" and parts[3:] == ["members"]:
            return {"members": MEMBERS}
        if parts[3:4] == ["members"] and len(parts) >= 5:
            return route_member(method, parts[4:], body)
    raise Refused(404, "not_found", "no such operation")


def route_member(method, parts, body):
    if method == "PUT" and len(parts) == 1:
        return put_member(parts[0], body)
    found = find_member(parts[0])
    if method == "GET" and len(parts) == 1:
        if found["admin"] == "drain" and found["leaving"]:
            found["flows"] = found["leaving"].pop(0)
        return found
    if method == "DELETE" and len(parts) == 1:
        MEMBERS.remove(found)
        result = {"changed": True, "flows": found["flows"]}
        if not found["flows"]["drained"]:
            result["warning"] = "its flows are cut"
        return result
    if method == "PUT" and parts[1:] == ["weight"]:
        check_weight(body)
        found["weight"] = body["weight"]
        return found
    if method == "PUT" and parts[1:] == ["discovery"]:
        check_fields(body, ["discovery"])
        return dict(found, discovery=body["discovery"])
    if method == "PUT" and parts[1:] == ["override"]:
        check_fields(body, ["override", "reason", "for_s"])
        return dict(found, share_text="%s by alice: nothing" % body["override"])
    if method == "PUT" and parts[1:] == ["admin"]:
        check_fields(body, ["admin", "for_s"])
        found["admin"] = body["admin"]
        found["deadline"] = None
        if "for_s" in body:
            found["deadline"] = {"at_s": int(time.time()) + body["for_s"],
                                 "left_s": body["for_s"], "is_over": False}
            if body["for_s"] < 660:
                return dict(found, warning="flows may be cut", state="draining")
        found["state"] = {"maint": "maintenance", "drain": "draining"}.get(body["admin"],
                                                                           "serving")
        found["leaving"] = list(LEAVING)
        return found
    raise Refused(405, "method_not_allowed", "%s is not possible here" % method)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *args):
        pass

    def send(self, http_status, text, content_type="application/json"):
        data = text.encode()
        self.send_response(http_status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def read_body(self):
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length).decode()
        if not text:
            return text, {}
        if self.headers.get("Content-Type") != "application/json":
            raise Refused(400, "syntax", "the content type is not application/json")
        return text, json.loads(text)

    def handle_one(self):
        if ARGS.behave == "hang":
            time.sleep(20)
        if ARGS.behave == "close":
            self.close_connection = True
            return
        if ARGS.behave == "garbage":
            self.send(200, "hello", "text/plain")
            return
        try:
            text, body = self.read_body()
            with open(ARGS.log, "a", encoding="utf-8") as log:
                log.write("%s %s %s\n" % (self.command, self.path, text))
            if ARGS.behave == "forbid":
                raise Refused(403, "forbidden", "uid 1000 may not do this",
                              "members of the group sluice may")
            url = urllib.parse.urlsplit(self.path)
            if url.path == "/metrics":
                self.send(200, "sluice_up 1\n", "text/plain; version=0.0.4")
                return
            if not re.match("/v1/[a-z]", url.path):
                raise Refused(404, "not_found", "no operation has the path %s" % url.path)
            answer = route(self.command, url.path, urllib.parse.parse_qs(url.query), body)
            self.send(200, json.dumps(answer))
        except Refused as refusal:
            document = {"error": refusal.error}
            if refusal.errors:
                document["errors"] = refusal.errors
            self.send(refusal.http_status, json.dumps(document))

    do_GET = do_PUT = do_POST = do_DELETE = handle_one


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def main():
    global ARGS
    parser = argparse.ArgumentParser()
    parser.add_argument("socket")
    parser.add_argument("log")
    parser.add_argument("--state", default="ok", choices=["ok", "degraded", "fault"])
    parser.add_argument("--behave", default="", choices=["", "hang", "close", "garbage", "forbid"])
    ARGS = parser.parse_args()
    if ARGS.state == "degraded":
        MEMBERS[2].update(state="ejected", health="down", health_text="connect timed out",
                          now_percent=0.0, of_new_percent=0.0,
                          health_since_s=int(time.time()) - 250)
    if ARGS.state == "fault":
        for m in MEMBERS:
            m.update(state="unreachable", now_percent=0.0, of_new_percent=0.0,
                     nexthop={"state": "failed", "text": "no route to host"})
    Server(ARGS.socket, Handler).serve_forever()


if __name__ == "__main__":
    main()
