/**
 * The gateway process: carries out the arbiter's orders, and leaves when the arbiter does.
 *
 * Runs in: gateway.
 */
import "../logging/untouched-streams.ts";

import { become } from "../identity.ts";
import { Contradiction, guardProcess, reportFault } from "../last-resort.ts";
import { Logs } from "../logging/logs.ts";
import { takeOverNodeMessages } from "../logging/node-messages.ts";
import { openStandardOutputs } from "../logging/output.ts";
import { Statsd } from "../metrics/statsd.ts";
import type { GatewayOrder, GatewayReport } from "../queue/gateway-messages.ts";
import { Gateway } from "./gateway.ts";

/** How long the last lines of the access log may take, ms. */
const LEAVE_MS = 500;

let gateway: Gateway | null = null;

function report(message: GatewayReport): void {
  // Who cannot be told has left, and "disconnect" follows.
  process.send?.(message, undefined, undefined, () => {});
}

function leave(): void {
  const exit = (): never => process.exit(0);
  if (gateway === null) exit();
  else gateway.close(exit);
  // A write to a pipe that nobody reads never ends, and not even `exit` would.
  setTimeout(() => process.kill(process.pid, "SIGKILL"), LEAVE_MS);
}

function started(): Gateway {
  if (gateway === null) throw new Contradiction("an order before the start");
  return gateway;
}

function obey(order: GatewayOrder, handle: unknown): void {
  switch (order.type) {
    case "start":
      process.title = `tunicorn: gateway [${order.processName}]`;
      openStandardOutputs();
      // Everything is loaded by now, and nothing of a client has been read.
      if (order.identity !== null) become(order.identity);
      start(order);
      return;
    case "answer":
      report({ type: "answered" });
      return;
    case "open-queue":
      started().openQueue(() => report({ type: "started" }));
      return;
    case "listen":
      listen(order, handle);
      return;
    case "set-capacity":
      started().setCapacity(order.threads);
      return;
    case "forget-worker":
      started().forgetWorker(order.pid, order.reason, order.work);
      return;
    case "time-out":
      started().timeOut(order.ticket, order.ranMs, order.pid);
      return;
    case "describe":
      report({ type: "described", nr: order.nr, requests: started().describe(order.tickets) });
      return;
    case "reopen-logs":
      started().reopenLogs();
      return;
    case "set-logs":
      started().setLogs(order.settings, order.path);
      return;
    case "announce-leaving":
      started().announceLeaving();
      return;
    case "drain":
      started().drain(leave);
      return;
    default:
      order satisfies never;
  }
}

function start({ settings, age, runDirectory, spoolDirectory }: GatewayOrder & { type: "start" }): void {
  const statsd = settings.statsd === null ? null : new Statsd(settings.statsd);
  const logs = new Logs(settings, statsd);
  takeOverNodeMessages(logs.error);
  guardProcess(logs.error, () => process.exit(1));
  gateway = new Gateway(settings, age, runDirectory, spoolDirectory, logs, statsd, {
    onRoom: () => report({ type: "had-room" }),
    onBadFrame: (worker, pid, fault) => report({ type: "bad-frame", age: worker, pid, fault }),
  });
}

function listen(order: GatewayOrder & { type: "listen" }, handle: unknown): void {
  const { index } = order;
  started().listen(
    handle,
    order.listener,
    () => report({ type: "listening", index }),
    (error: NodeJS.ErrnoException) =>
      report({ type: "listen-failed", index, code: error.code ?? "", message: error.message }),
  );
}

process.title = "tunicorn: gateway";
// Signals are the arbiter's business; a terminal sends them to the whole process group.
for (const signal of ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const) {
  process.on(signal, () => {});
}
process.on("message", (order, handle) => {
  try {
    obey(order as GatewayOrder, handle);
  } catch (error) {
    // Before the start there is no log, and nothing that could be lost: the arbiter starts another gateway.
    if (gateway === null) throw error;
    reportFault(gateway.log, `obeying the order ${(order as GatewayOrder).type}`, error);
  }
});
process.on("disconnect", leave);
