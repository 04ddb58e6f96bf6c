/**
 * What objects take of the memory, measured after a garbage collection: bytes of the heap and of buffers outside of it.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
// The cast is earned: it is V8's.
const collectGarbage = runInNewContext("gc") as () => void;

/** What else happens in the process is little beside as many bytes. */
const ENOUGH_BYTES = 3_000_000;

function usedBytes(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Bytes for each of what `create` returns, which is expected to be about `expectedBytes`. */
export function bytesEach(expectedBytes: number, create: () => object): number {
  const count = Math.ceil(ENOUGH_BYTES / expectedBytes);
  for (let nr = 0; nr < 3; nr++) create(); // compiled, and with what is made once
  const kept: object[] = new Array(count).fill(null);
  const before = usedBytes();
  for (let nr = 0; nr < count; nr++) kept[nr] = create();
  const bytes = (usedBytes() - before) / count;
  if (kept.includes(null as unknown as object)) throw new Error("not created");
  return bytes;
}
