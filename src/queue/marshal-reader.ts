/**
 * Reads back what `MarshalWriter` has written: a dict of strings. For the access log, whose environ variables must be what
 * the application got.
 *
 * Runs in: gateway.
 */

/** Throws RangeError for anything that is no such dict: it was not written by `MarshalWriter`. */
export function readMarshalDict(bytes: Buffer): ReadonlyMap<string, string> {
  const dict = new Map<string, string>();
  if (bytes.length === 0 || bytes[0] !== 0x7b) throw new RangeError("not a marshal dict");
  let position = 1;
  const next = (): string => {
    const type = String.fromCharCode(bytes[position] as number);
    const isShort = type === "z" || type === "Z";
    if (!isShort && type !== "a" && type !== "u") throw new RangeError(`marshal type ${type} in an environ`);
    const start = position + (isShort ? 2 : 5);
    const length = isShort ? (bytes[position + 1] as number) : bytes.readUInt32LE(position + 1);
    position = start + length;
    return bytes.toString(type === "u" ? "utf8" : "latin1", start, position);
  };
  while (position < bytes.length - 1) dict.set(next(), next());
  return dict;
}
