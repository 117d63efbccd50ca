# Publishes with each QoS and wants all of it back, with Eclipse Paho. Arguments: port, version of MQTT (3, 4, 5).
import sys
import threading

import paho.mqtt.client as mqtt

PORT, VERSION, COUNT = int(sys.argv[1]), int(sys.argv[2]), 100

done = threading.Event()
got = {0: [], 1: [], 2: []}


def on_connect(client, userdata, flags, code, properties=None):
    client.subscribe('paho/#', 2)


def on_subscribe(client, userdata, mid, granted, properties=None):
    for number in range(COUNT):
        for qos in (0, 1, 2):
            client.publish('paho/%d' % qos, str(number), qos)


def on_message(client, userdata, message):
    assert message.topic == 'paho/%d' % message.qos, message.topic
    got[message.qos].append(int(message.payload))
    if sum(len(all) for all in got.values()) == 3 * COUNT:
        done.set()


client = mqtt.Client(client_id='paho', protocol=VERSION)
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect('127.0.0.1', PORT)
client.loop_start()
assert done.wait(60), {qos: len(all) for qos, all in got.items()}
client.disconnect()
client.loop_stop()
for qos, all in got.items():
    assert all == list(range(COUNT)), qos
print('all came')
