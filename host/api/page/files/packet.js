// SPDX-License-Identifier: GPL-2.0-or-later
// The frame of a packet that is asked about, in hexadecimal digits.

const PROTOCOLS = { TCP: 6, UDP: 17, ICMP: 1, ICMPv6: 58 };
const FLAGS = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32 };

export class PacketError extends Error {}

function parseV4(text) {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) {
    return null;
  }
  return parts.map(Number);
}

function parseV6(text) {
  const halves = text.split("::");
  if (halves.length > 2) {
    return null;
  }
  const groups = halves.map((half) => (half === "" ? [] : half.split(":")));
  const known = groups.reduce((sum, half) => sum + half.length, 0);
  if (halves.length === 2 ? known > 7 : known !== 8) {
    return null;
  }
  const all = halves.length === 2 ? [...groups[0], ...Array(8 - known).fill("0"), ...groups[1]] : groups[0];
  if (!all.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) {
    return null;
  }
  return all.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]);
}

export function parseAddress(text) {
  return text.includes(":") ? parseV6(text) : parseV4(text);
}

function address(text, what) {
  const found = parseAddress(text.trim());
  if (found === null) {
    throw new PacketError(`${what}: read '${text}', allowed is an IPv4 or IPv6 address`);
  }
  return found;
}

function port(text, what) {
  const number = Number(text);
  if (String(text).trim() === "" || !Number.isInteger(number) || number < 0 || number > 65535) {
    throw new PacketError(`${what}: read '${text}', allowed is a number from 0 to 65535`);
  }
  return number;
}

const word = (number) => [(number >> 8) & 0xff, number & 0xff];

// The Internet checksum of bytes (RFC 1071).
function checksum(bytes) {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  }
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return ~sum & 0xffff;
}

function flagsOf(text) {
  let flags = 0;
  for (const name of text.split(",").map((one) => one.trim().toUpperCase()).filter((one) => one !== "")) {
    if (!(name in FLAGS)) {
      throw new PacketError(`TCP flags: read '${name}', allowed are ${Object.keys(FLAGS).join(", ")}`);
    }
    flags |= FLAGS[name];
  }
  return flags;
}

function transport(packet) {
  switch (packet.protocol) {
    case "TCP":
      return [...word(port(packet.sourcePort, "source port")), ...word(port(packet.destinationPort, "destination port")),
        0, 0, 0, 1, 0, 0, 0, 0, 0x50, flagsOf(packet.flags ?? "SYN"), 0xff, 0xff, 0, 0, 0, 0];
    case "UDP":
      return [...word(port(packet.sourcePort, "source port")), ...word(port(packet.destinationPort, "destination port")),
        0, 8, 0, 0];
    case "ICMP":
      return [8, 0, 0, 0, 0, 1, 0, 1];
    case "ICMPv6":
      return [128, 0, 0, 0, 0, 1, 0, 1];
    default:
      throw new PacketError(`protocol: read '${packet.protocol}', allowed are ${Object.keys(PROTOCOLS).join(", ")}`);
  }
}

// {protocol, source, destination, sourcePort, destinationPort, flags} as an Ethernet frame.
export function frameOf(packet) {
  const source = address(packet.source, "source");
  const destination = address(packet.destination, "destination");
  if (source.length !== destination.length) {
    throw new PacketError("source and destination are of two families");
  }
  const isV4 = source.length === 4;
  if (packet.protocol === (isV4 ? "ICMPv6" : "ICMP")) {
    throw new PacketError(`${packet.protocol} is not a protocol over IPv${isV4 ? 4 : 6}`);
  }
  const rest = transport(packet);
  const ethernet = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, ...(isV4 ? [0x08, 0x00] : [0x86, 0xdd])];
  let header;
  if (isV4) {
    header = [0x45, 0, ...word(20 + rest.length), 0, 0, 0x40, 0, 64, PROTOCOLS[packet.protocol], 0, 0,
      ...source, ...destination];
    header.splice(10, 2, ...word(checksum(header)));
  } else {
    header = [0x60, 0, 0, 0, ...word(rest.length), PROTOCOLS[packet.protocol], 64, ...source, ...destination];
  }
  return [...ethernet, ...header, ...rest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
