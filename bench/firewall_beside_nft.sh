#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The firewall beside nft with the same rules, over a veth pair in namespaces of its own: nanoseconds from one packet to the
# next as tcpreplay sends them, the receiving side's work included. No packet matches a rule; the default drops it.
#   bench/firewall_beside_nft.sh [PACKETS]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
nicsentry=$root/build/nicsentry
packets=${1:-200000}
sender=nsbench$$s
receiver=nsbench$$r
work=$(mktemp -d)
controller=

clean_up() {
	[[ -z $controller ]] || kill "$controller" 2>/dev/null || true
	wait 2>/dev/null || true
	ip netns del "$sender" 2>/dev/null || true
	ip netns del "$receiver" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT

make_peers() {
	ip netns add "$sender"
	ip netns add "$receiver"
	ip link add left netns "$sender" type veth peer name right netns "$receiver"
	for side in "$sender left" "$receiver right"; do
		read -r namespace port <<<"$side"
		ip netns exec "$namespace" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
		ip -n "$namespace" link set "$port" arp off up
	done
	ip -n "$receiver" addr add 192.168.1.5/16 dev right
	ip netns exec "$receiver" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.right.rp_filter=0
}

make_traffic() {
	local mac
	mac=$(ip -n "$receiver" -j link show right | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["address"])')
	python3 - "$work/traffic.pcap" "$mac" <<-'END'
		import sys
		from scapy.all import Ether, IP, UDP, wrpcap
		wrpcap(sys.argv[1], [Ether(dst=sys.argv[2]) / IP(src="10.1.2.3", dst="192.168.1.5") / UDP(sport=40000, dport=30000) / bytes(64)
		                     for _ in range(1000)])
	END
}

# write_rules N: rules.json for nicsentry, rules.nft for nft
write_rules() {
	python3 - "$1" "$work" <<-'END'
		import json, random, sys
		count, work = int(sys.argv[1]), sys.argv[2]
		random.seed(1)
		rules, lines = [], []
		for number in range(count):
		    source = f"10.{random.randrange(256)}.{random.randrange(256)}.0/24"
		    destination = f"192.168.{random.randrange(256)}.{random.randrange(256)}"
		    protocol = "udp" if number % 3 == 0 else "tcp"
		    port = random.randrange(1, 10000)
		    ports = f"{port}-{port + 100}" if number % 4 == 0 else str(port)
		    rules.append({"operation": "append", "src": source, "dst": destination, "l4proto": protocol, "dport": ports, "action": "drop"})
		    lines.append(f"ip saddr {source} ip daddr {destination} {protocol} dport {ports} counter drop")
		json.dump({"rules": rules}, open(f"{work}/rules.json", "w"))
		with open(f"{work}/rules.nft", "w") as file:
		    file.write("flush ruleset\ntable inet bench {\n chain input {\n  type filter hook input priority 0; policy drop;\n")
		    file.write("".join(f"  {line}\n" for line in lines) + "  counter\n }\n}\n")
	END
}

# Nanoseconds a packet.
send() {
	ip netns exec "$sender" taskset -c 0 tcpreplay -q -K -i left --topspeed --loop=$((packets / 1000)) "$work/traffic.pcap" 2>&1 |
		sed -nE 's/^Actual: ([0-9]+) packets .* sent in ([0-9.]+) seconds.*/\1 \2/p' |
		awk '{ printf "%.0f", $2 * 1e9 / $1 }'
}

with_nft() {
	ip netns exec "$receiver" nft -f "$work/rules.nft"
	send
	ip netns exec "$receiver" nft flush ruleset
}

with_nicsentry() {
	ip netns exec "$receiver" "$nicsentry" run -i right --mode drv --firewall -q --window 60s >"$work/log" 2>&1 &
	controller=$!
	until ip netns exec "$receiver" "$nicsentry" rules default ingress drop -i right >/dev/null 2>&1; do sleep 0.1; done
	ip netns exec "$receiver" "$nicsentry" rules apply "$work/rules.json" -i right >/dev/null
	send
	kill "$controller"
	wait "$controller" 2>/dev/null || true
	controller=
}

command -v nft >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nftables >/dev/null
make_peers
make_traffic
printf '%-8s %16s %16s\n' RULES 'NFT NS/PACKET' 'NICSENTRY'
for count in 1 10 100 1000 5000; do
	write_rules "$count"
	printf '%-8s %16s %16s\n' "$count" "$(with_nft)" "$(with_nicsentry)"
done
