/**
 * Socket activation (sd_listen_fds(3)): listening sockets that the service manager has made.
 *
 * Runs in: arbiter.
 */
const FIRST_FD = 3;

const { LISTEN_PID, LISTEN_FDS } = process.env;
for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete process.env[name];

/** Their descriptors; none when they were meant for another process. */
export const activationFds: readonly number[] =
  Number(LISTEN_PID) === process.pid
    ? Array.from({ length: Number(LISTEN_FDS) || 0 }, (_, index) => FIRST_FD + index)
    : [];
