#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Measures the cost of a packet with the firewall, and with nft and the same rules or set (input hook and ingress hook).
# Compares both with a program that only passes packets, and with no program. Prints nanoseconds from one packet to the
# next over a veth pair. All runs on one processor, including sending (send_frames.py) and the receiving host's stack.
# Each candidate has a namespace of its own, set up once for each case. Each round runs all candidates, so that a
# disturbance of the machine affects all.
# Packets match no rule and are in no set. They belong to 1,024 sessions. Accepted ones go to a UDP socket without room.
# Nothing outside of its namespaces is changed.
#   bench/firewall_beside_nft.sh [--build DIRECTORY] [--rounds N] [--seconds S] [--rules "N ..."] [--entries "N ..."] [--csv FILE]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build
rounds=7
seconds=0.5  # for each candidate in a round
rule_counts="1 10 100 1000 5000"
entry_counts="0 1000 1000000"
csv=
candidates=(none pass nft ingress nicsentry)
sender=nsbench$$s
mac=02:00:00:00:00:05
work=$(mktemp -d)
controller=
sockets=()

while (($# > 0)); do
	case $1 in
	--build) build=$(realpath "$2") ;;
	--rounds) rounds=$2 ;;
	--seconds) seconds=$2 ;;
	--rules) rule_counts=$2 ;;
	--entries) entry_counts=$2 ;;
	--csv) csv=$2 ;;
	*)
		echo "firewall_beside_nft.sh: $1: see its head" >&2
		exit 2
		;;
	esac
	shift 2
done

fail() {
	echo "firewall_beside_nft.sh: $1" >&2
	exit 1
}

stop_controller() {
	[[ -n $controller ]] || return 0
	kill "$controller" 2>/dev/null || true
	wait "$controller" 2>/dev/null || true
	controller=
}

clean_up() {
	stop_controller
	((${#sockets[@]} == 0)) || kill "${sockets[@]}" 2>/dev/null || true
	wait 2>/dev/null || true
	for candidate in "${candidates[@]}"; do
		ip netns del "$(namespace "$candidate")" 2>/dev/null || true
	done
	ip netns del "$sender" 2>/dev/null || true
	rm -rf "$work"
}

namespace() { echo "nsbench$$$1"; }

# inside CANDIDATE COMMAND...
inside() {
	local candidate=$1
	shift
	ip netns exec "$(namespace "$candidate")" "$@"
}

# Keeps the controller's runtime and state files in the work directory, so that other runs are not affected.
nicsentry() { NICSENTRY_RUNTIME_DIR=$work/run inside nicsentry "$build/nicsentry" "$@"; }

make_peers() {
	local candidate
	ip netns add "$sender"
	ip netns exec "$sender" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	for candidate in "${candidates[@]}"; do
		ip netns add "$(namespace "$candidate")"
		inside "$candidate" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
		inside "$candidate" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
		ip link add "$candidate" netns "$sender" type veth peer name right address "$mac" netns "$(namespace "$candidate")"
		ip -n "$sender" link set "$candidate" arp off up
		ip -n "$(namespace "$candidate")" link set right arp off up
		ip -n "$(namespace "$candidate")" link set lo up
		ip -n "$(namespace "$candidate")" addr add 192.168.1.5/16 dev right
		ip -n "$(namespace "$candidate")" route add 10.0.0.0/8 dev right
		inside "$candidate" python3 -c '
import socket, time
unread = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
unread.bind(("0.0.0.0", 30000))
for _ in range(100):  # until the socket is full
    unread.sendto(b"", ("127.0.0.1", 30000))
time.sleep(1e9)' &
		sockets+=($!)
	done
	# Enables NAPI. Without a program, veth uses it only if it is enabled. With a program, packets go through the
	# same function.
	for candidate in none nft ingress; do
		inside "$candidate" ethtool -K right gro on
	done
	ip -n "$(namespace pass)" link set dev right xdpdrv obj "$build/bench/pass.o" sec xdp
}

# write_case RULES ENTRIES: rules.json and blocked.netset for nicsentry; nft.rules and ingress.rules for nft
write_case() {
	python3 - "$1" "$2" "$work" <<-'END'
		import ipaddress, json, random, sys
		count, entries, work = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
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
		if count == 0:
		    lines.append("ip saddr @blocked counter drop")
		chosen = [str(ipaddress.ip_address(0x20000000 | number)) for number in random.sample(range(1 << 28), entries)]
		with open(f"{work}/rules.json", "w") as file:
		    json.dump({"rules": rules}, file)
		with open(f"{work}/blocked.netset", "w") as file:
		    file.writelines(f"{address}\n" for address in chosen)
		for name, family, hook in (("nft", "inet", "hook input"), ("ingress", "netdev", "hook ingress device right")):
		    with open(f"{work}/{name}.rules", "w") as file:
		        file.write(f"flush ruleset\ntable {family} bench {{\n")
		        if count == 0:
		            file.write(" set blocked {\n  type ipv4_addr\n")
		            if chosen:
		                file.write(f"  elements = {{ {', '.join(chosen)} }}\n")
		            file.write(" }\n")
		        file.write(f" chain packets {{\n  type filter {hook} priority 0; policy accept;\n")
		        file.write("".join(f"  {line}\n" for line in lines) + "  counter\n }\n}\n")
	END
}

# Prints how many packets reached a candidate's UDP socket, including those it had no room for.
reached() {
	# shellcheck disable=SC2016 # awk's
	inside "$1" awk '/^Udp:/ { if (!n++) for (i = 2; i <= NF; i++) at[$i] = i; else print $at["InDatagrams"] + $at["RcvbufErrors"] }' \
		/proc/net/snmp
}

# send CANDIDATE PACKETS: prints the nanoseconds of each packet that arrived. Fails if packets end elsewhere
# than $verdict demands.
send() {
	local candidate=$1 before took came up expected
	before=$(reached "$candidate")
	read -r took came < <(ip netns exec "$sender" taskset -c 0 python3 "$root/bench/send_frames.py" "$candidate" "$mac" "$2")
	((came * 100 >= $2 * 99)) || fail "$candidate: $came of $2 packets arrived"
	sleep 0.05  # the last batch
	up=$(($(reached "$candidate") - before))
	expected=$came
	[[ $verdict == accept || $candidate == none || $candidate == pass ]] || expected=0
	((up == expected)) || fail "$candidate, $verdict: $up of $came packets reached the socket, expected $expected"
	awk -v took="$took" -v came="$came" 'BEGIN { printf "%.1f", took / came }'
}

# in_time NS SECONDS MOST: prints the number of packets that last so long
in_time() { awk -v ns="$1" -v s="$2" -v most="$3" 'BEGIN { n = int(s * 1e9 / ns) + 1; print (n > most ? most : n) }'; }

start_nicsentry() {
	NICSENTRY_RUNTIME_DIR=$work/run ip netns exec "$(namespace nicsentry)" taskset -c 1 \
		"$build/nicsentry" run -i right --mode drv --firewall -q --window 1h --cap 1 >"$work/log" 2>&1 &
	controller=$!
	until nicsentry rules show -i right >/dev/null 2>&1; do
		kill -0 "$controller" 2>/dev/null || fail "nicsentry: $(cat "$work/log")"
		sleep 0.1
	done
	nicsentry rules apply "$work/rules.json" -i right >/dev/null
	nicsentry sets load blocked "$work/blocked.netset" -i right >/dev/null
}

# set_default accept|drop: sets the verdict of packets that nothing matches
set_default() {
	inside nft nft "chain inet bench packets { policy $1; }"
	inside ingress nft "chain netdev bench packets { policy $1; }"
	nicsentry rules default ingress "$1" -i right >/dev/null 2>>"$work/log"
}

# Appends "rules,entries,verdict,candidate,round,ns" to the results.
measure() {
	local candidate round ns
	local -A packets=()
	for candidate in "${candidates[@]}"; do  # makes sessions known and muted, and counts the packets that last long enough
		ns=$(send "$candidate" 500)
		ns=$(send "$candidate" "$(in_time "$ns" 0.2 20000)")
		sleep 0.1
		ns=$(send "$candidate" "$(in_time "$ns" 0.1 20000)")
		packets[$candidate]=$(in_time "$ns" "$seconds" 1000000)
	done
	for ((round = 0; round < rounds; round++)); do
		for candidate in "${candidates[@]}"; do
			ns=$(send "$candidate" "${packets[$candidate]}")
			echo "$1,$2,$verdict,$candidate,$round,$ns" >>"$work/results.csv"
		done
	done
}

# Prints the row of the last case: medians, and the medians of each round's ratio to XDP_PASS.
print_row() {
	python3 - "$work/results.csv" "$1" "$2" "$verdict" "${candidates[@]}" <<-'END'
		import csv, statistics, sys
		path, *case = sys.argv[1:5]
		names = sys.argv[5:]
		ns = {name: [] for name in names}
		for *of, name, _, value in csv.reader(open(path)):
		    if of == case:
		        ns[name].append(float(value))
		ratio = {name: statistics.median(a / b for a, b in zip(ns[name], ns["pass"])) for name in names}
		row = [f"{int(case[0]):>6,} {int(case[1]):>11,}  {case[2]:<7}"]
		row += [f"{statistics.median(ns[name]):>12,.0f}" for name in names]
		ratios = "".join(f"{ratio[name]:>12.2f}" for name in names if name != "pass")
		print("".join(row) + " |" + ratios[1:], flush=True)
	END
}

run_case() {
	write_case "$1" "$2"
	inside nft nft -f "$work/nft.rules"
	inside ingress nft -f "$work/ingress.rules"
	start_nicsentry
	for verdict in drop accept; do
		set_default "$verdict"
		measure "$1" "$2"
		print_row "$1" "$2"
	done
	stop_controller
}

trap clean_up EXIT
trap 'exit 1' INT TERM HUP
for tool in nft ethtool python3; do
	command -v "$tool" >/dev/null || fail "$tool is not installed"
done
[[ -x $build/nicsentry && -f $build/bench/pass.o ]] || fail "$build: no build with nicsentry and bench/pass.o"
make_peers
sleep 0.5  # time for the sockets to open
echo "Nanoseconds per packet (median of $rounds rounds), then the ratio to XDP_PASS (median of each round's ratio)."
echo "The default of nft's chain and of nicsentry is the row's verdict. No program and XDP_PASS accept all packets."
printf '%6s %11s  %-7s%12s%12s%12s%12s%12s |%11s%12s%12s%12s\n' RULES 'SET ENTRIES' DEFAULT \
	'NO PROGRAM' XDP_PASS 'NFT INPUT' 'NFT INGRESS' NICSENTRY 'NO PROGRAM' 'NFT INPUT' 'NFT INGRESS' NICSENTRY
for count in $rule_counts; do
	run_case "$count" 0
done
for count in $entry_counts; do
	run_case 0 "$count"
done
[[ -z $csv ]] || cp "$work/results.csv" "$csv"
