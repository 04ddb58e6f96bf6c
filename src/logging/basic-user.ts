/**
 * The user of a Basic authorization (RFC 7617), for the access log.
 *
 * Rules: as strict as Python's base64 and UTF-8 decoders, which Gunicorn asks; what they refuse has no user.
 *
 * Runs in: gateway.
 */

const CREDENTIALS = /^basic\s+(\S+)$/i;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function maybeBasicUser(authorization: string | undefined): string | undefined {
  const encoded = CREDENTIALS.exec(authorization ?? "")?.[1]?.replace(/[^A-Za-z0-9+/=]/g, "");
  if (encoded === undefined || encoded.length % 4 !== 0) return undefined;
  const bytes = Buffer.from(encoded, "base64");
  const colon = bytes.indexOf(":");
  try {
    return utf8.decode(colon === -1 ? bytes : bytes.subarray(0, colon)) || undefined;
  } catch {
    // Not UTF-8.
    return undefined;
  }
}
