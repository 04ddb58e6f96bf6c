/**
 * The other end of a connection: the address that its requests are ascribed to in the environ and in the logs.
 *
 * Rules: on a Unix socket it has no address, and is trusted. A PROXY header with addresses takes the place of the
 * socket's; whether the peer is believed what it says in header fields is still decided by who has opened the connection,
 * as in Gunicorn, since it is the proxy that sends the bytes. Only `real_ip_header` asks about the address in the PROXY
 * header instead: it is the last hop, and a client must not choose its own address.
 *
 * Runs in: gateway.
 */
import type { Socket } from "node:net";
import type { ListenerInfo } from "../queue/gateway-messages.ts";
import { connectionEnviron } from "./environ.ts";
import type { ForwardedPolicy } from "./forwarded.ts";
import type { RequestHead } from "./http1/request-head.ts";
import type { ProxyHeader } from "./proxy-protocol.ts";
import { type RealIpHeader, realClient } from "./real-ip.ts";

export interface Peer {
  /** REMOTE_ADDR. */
  readonly address: string;
  /** Whether `forwarded_allow_ips` has it, or the proxy in front of it. */
  readonly isTrusted: boolean;
  /** Whether it is believed whose requests it passes on. */
  readonly isTrustedHop: boolean;
  readonly proxyHeader: ProxyHeader | null;
  /** What is the same in the environ of all its requests. */
  readonly environ: Uint8Array;
}

export function socketPeer(listener: ListenerInfo, socket: Socket, policy: ForwardedPolicy): Peer {
  const isUnix = listener.kind === "unix";
  const address = isUnix ? "" : (socket.remoteAddress ?? "");
  const isTrusted = isUnix || policy.trusts(address);
  return {
    address,
    isTrusted,
    isTrustedHop: isTrusted,
    proxyHeader: null,
    environ: connectionEnviron(listener, { address, port: portOf(listener, socket) }),
  };
}

/** After a PROXY header. */
export function proxiedPeer(
  listener: ListenerInfo,
  socket: Socket,
  policy: ForwardedPolicy,
  peer: Peer,
  proxyHeader: ProxyHeader,
): Peer {
  if (proxyHeader.addresses === null) {
    const remote = { address: peer.address, port: portOf(listener, socket) };
    return { ...peer, proxyHeader, environ: connectionEnviron(listener, remote, proxyHeader) };
  }
  const { address, port } = proxyHeader.addresses.client;
  return {
    address,
    isTrusted: peer.isTrusted,
    isTrustedHop: policy.trusts(address),
    proxyHeader,
    environ: connectionEnviron(listener, { address, port: String(port) }, proxyHeader),
  };
}

/** Whom a request is ascribed to: the peer, unless that is a trusted proxy which names another. */
export function requestPeer(
  listener: ListenerInfo,
  peer: Peer,
  policy: ForwardedPolicy,
  header: RealIpHeader,
  head: RequestHead,
): Peer {
  if (!peer.isTrustedHop) return peer;
  const client = realClient(header, head.fields, (address) => policy.trusts(address));
  if (client === null) return peer;
  return { ...peer, address: client.address, environ: connectionEnviron(listener, client, peer.proxyHeader) };
}

const portOf = (listener: ListenerInfo, socket: Socket): string =>
  listener.kind === "unix" ? "" : String(socket.remotePort ?? 0);
