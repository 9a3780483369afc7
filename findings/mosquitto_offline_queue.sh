#!/usr/bin/env bash
# Mosquitto acknowledges QoS 1 messages that it then throws away: all but the first 1,000 for a subscriber that is away.
#
# With:    Debian 12's mosquitto 2.0.11 (fetched by apt-get, not installed), Python package paho-mqtt 2.2.0. Wants a
#          Debian or Ubuntu with amd64 packages that apt-get knows.
# Expect:  a persistent session (clean_session off) with a QoS 1 subscription gets what was published while it was away;
#          a publisher whose messages are all acknowledged may forget them.
# Happens: `max_queued_messages` is 1000 unless configured. Of 1,500 messages, every one acknowledged to the publisher,
#          the returning subscriber gets the first 1,000; the newest 500 are gone. The one trace is a line in the
#          broker's log. MQTT 3.1.1 has no answer by which a publisher could be told.
# Matters: a stream app that restarts for a minute behind a feed of a few hundred messages a second loses the tail of
#          what it missed and goes on with the live messages: a hole in the middle, at "at least once".
# Do:      set max_queued_messages (0 is no limit) and max_queued_bytes to what the longest outage needs, number the
#          messages, and watch for gaps.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --only-binary :all: paho-mqtt==2.2.0
(
    cd "$work"
    apt-get -o APT::Sandbox::User=root download -qq \
        mosquitto libwebsockets17 libcjson1 libmosquitto1 libdlt2 libev4 libuv1 libcap2 libwrap0
    for package in *.deb; do dpkg -x "$package" .; done
)
cat >"$work/outage.py" <<'EOF'
import os
import socket
import subprocess
import sys
import time

import paho.mqtt.client as mqtt

work = sys.argv[1]
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
with open(f"{work}/conf", "w") as conf:
    conf.write(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
lib = f"{work}/usr/lib/x86_64-linux-gnu:{work}/lib/x86_64-linux-gnu"
broker = subprocess.Popen([f"{work}/usr/sbin/mosquitto", "-c", f"{work}/conf"], stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "LD_LIBRARY_PATH": lib})

def wait(what, condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)

def reachable():
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

def connected(name, clean):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean)
    client.on_message = lambda _client, _data, message: got.append(int(message.payload))
    client.on_subscribe = lambda *_: subscribed.append(True)
    client.connect("127.0.0.1", port)
    client.loop_start()
    wait("connected", client.is_connected)
    return client

got, subscribed = [], []
try:
    wait("broker", reachable)
    subscriber = connected("subscriber", clean=False)
    subscriber.subscribe("feed", qos=1)
    wait("subscribed", lambda: subscribed)
    subscriber.disconnect()
    subscriber.loop_stop()
    publisher = connected("publisher", clean=True)
    sent = [publisher.publish("feed", str(number), qos=1) for number in range(1, 1501)]
    for message in sent:
        message.wait_for_publish(30)
    print(f"acknowledged to the publisher: {sum(message.is_published() for message in sent)}")
    subscriber = connected("subscriber", clean=False)
    wait("the queue", lambda: len(got) >= 1000)
    publisher.publish("feed", "9999", qos=1)
    wait("the live message", lambda: got[-1] == 9999)
    print(f"delivered after the outage: {len(got) - 1}, numbers {got[0]} to {got[-2]}, then the live {got[-1]}")
finally:
    broker.terminate()
log = broker.communicate()[1]
lines = {line.split(": ", 1)[-1] for line in log.splitlines()}
print("broker's log:", *sorted(line for line in lines if "running" in line or "dropped" in line), sep="\n")
EOF
seen=$("$work/venv/bin/python" "$work/outage.py" "$work")
wanted='acknowledged to the publisher: 1500
delivered after the outage: 1000, numbers 1 to 1000, then the live 9999
broker'"'"'s log:
Outgoing messages are being dropped for client subscriber.
mosquitto version 2.0.11 running'
printf '%s\n' "$seen"
if [[ $seen != "$wanted" ]]; then
    printf 'changed; it was:\n%s\n' "$wanted" >&2
    exit 1
fi
