/**
 * Accepts connections whose bytes are read into memory that the receiver provides and may use again.
 *
 * Node gives every read of an accepted socket 64 KiB of its own: for small requests that is most of what a gateway
 * allocates, and for large replies it keeps the collector busy (docs/performance.md). `onread` is Node's remedy, but
 * only for sockets that one makes oneself. So what `net.Server` does with the handle of a new connection is replaced;
 * that is not documented, and a Node that works otherwise reads as usual.
 *
 * Runs in: gateway.
 */
import { createServer, type OnReadOpts, type Server, Socket, type SocketConstructorOpts } from "node:net";
import { util } from "../logging/untouched-streams.ts";

/** Makes the socket of an accepted connection; to be called at once. */
export type OpenSocket = (onread: OnReadOpts) => Socket;

interface ConnectionHandle {
  setNoDelay?(on: boolean): void;
  close(): void;
}

interface ListeningHandle {
  onconnection?: (error: number, connection?: ConnectionHandle) => void;
}

export interface SocketServerEvents {
  /** What `accept` has thrown; it costs that connection. */
  onFault(error: unknown): void;
  /** The system could not give a connection away: this process has no descriptor left for it. The others go on. */
  onAcceptError(code: string): void;
}

/** `listen` is still to be called. `allowHalfOpen`: when the peer ends its side, ours stays open. */
export function createSocketServer(
  allowHalfOpen: boolean,
  accept: (open: OpenSocket) => void,
  events: SocketServerEvents,
): Server {
  const server = createServer({ allowHalfOpen, noDelay: true }, (socket) => {
    try {
      accept((onread) => readAsUsual(socket, onread));
    } catch (error) {
      socket.destroy();
      events.onFault(error);
    }
  });
  server.once("listening", () => {
    server.on("error", (error: NodeJS.ErrnoException) => events.onAcceptError(error.code ?? error.message));
    const { _handle: listening } = server as unknown as { _handle?: ListeningHandle };
    if (typeof listening?.onconnection !== "function") return;
    listening.onconnection = (error, connection) => {
      if (connection === undefined) {
        events.onAcceptError(util.getSystemErrorName(error));
        return;
      }
      try {
        accept((onread) => openSocket(connection, allowHalfOpen, onread));
      } catch (fault) {
        connection.close();
        events.onFault(fault);
      }
    };
  });
  return server;
}

function readAsUsual(socket: Socket, onread: OnReadOpts): Socket {
  return socket.on("data", (bytes) => {
    onread.callback(bytes.length, bytes);
  });
}

function openSocket(handle: ConnectionHandle, allowHalfOpen: boolean, onread: OnReadOpts): Socket {
  handle.setNoDelay?.(true);
  // As net.Server makes its own; the type does not know such a handle.
  const options = { handle, allowHalfOpen, onread } as unknown as SocketConstructorOpts;
  return new Socket(options);
}
