/**
 * The other end of a connection: the address that its requests are ascribed to in the environ and in the logs.
 *
 * Rules: on a Unix socket it has no address, and is trusted. A PROXY header with addresses takes the place of the
 * socket's; whether the peer is believed what it says in header fields is still decided by who has opened the connection,
 * as in Gunicorn, since it is the proxy that sends the bytes.
 *
 * Runs in: gateway.
 */
import type { Socket } from "node:net";
import type { ListenerInfo } from "../queue/gateway-messages.ts";
import { connectionEnviron } from "./environ.ts";
import type { ForwardedPolicy } from "./forwarded.ts";
import type { ProxyHeader } from "./proxy-protocol.ts";

export interface Peer {
  /** REMOTE_ADDR. */
  readonly address: string;
  /** Whether `forwarded_allow_ips` has it. */
  readonly isTrusted: boolean;
  /** What is the same in the environ of all its requests. */
  readonly environ: Uint8Array;
}

export function socketPeer(listener: ListenerInfo, socket: Socket, policy: ForwardedPolicy): Peer {
  const isUnix = listener.kind === "unix";
  const address = isUnix ? "" : (socket.remoteAddress ?? "");
  return {
    address,
    isTrusted: isUnix || policy.trusts(address),
    environ: connectionEnviron(listener, { address, port: portOf(listener, socket) }),
  };
}

/** After a PROXY header. */
export function proxiedPeer(listener: ListenerInfo, socket: Socket, peer: Peer, header: ProxyHeader): Peer {
  const remote =
    header.addresses === null
      ? { address: peer.address, port: portOf(listener, socket) }
      : { address: header.addresses.client.address, port: String(header.addresses.client.port) };
  return { ...peer, address: remote.address, environ: connectionEnviron(listener, remote, header) };
}

const portOf = (listener: ListenerInfo, socket: Socket): string =>
  listener.kind === "unix" ? "" : String(socket.remotePort ?? 0);
