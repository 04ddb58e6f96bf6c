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

/** Makes the socket of an accepted connection; to be called at once. */
export type OpenSocket = (onread: OnReadOpts) => Socket;

interface ConnectionHandle {
  setNoDelay?(on: boolean): void;
  close(): void;
}

interface ListeningHandle {
  onconnection?: (error: number, connection?: ConnectionHandle) => void;
}

/**
 * `listen` is still to be called. `allowHalfOpen`: when the peer ends its side, ours stays open. What `accept` throws costs that
 * connection, and `onFault` is called with it.
 */
export function createSocketServer(
  allowHalfOpen: boolean,
  accept: (open: OpenSocket) => void,
  onFault: (error: unknown) => void,
): Server {
  const server = createServer({ allowHalfOpen, noDelay: true }, (socket) => {
    try {
      accept((onread) => readAsUsual(socket, onread));
    } catch (error) {
      socket.destroy();
      onFault(error);
    }
  });
  server.once("listening", () => {
    const { _handle: listening } = server as unknown as { _handle?: ListeningHandle };
    if (typeof listening?.onconnection !== "function") return;
    const asUsual = listening.onconnection;
    listening.onconnection = (error, connection) => {
      if (connection === undefined) {
        asUsual.call(listening, error);
        return;
      }
      try {
        accept((onread) => openSocket(connection, allowHalfOpen, onread));
      } catch (fault) {
        connection.close();
        onFault(fault);
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
