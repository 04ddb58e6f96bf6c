/**
 * The response to a request that no application sees: Gunicorn's error page, byte for byte, with the reason
 * phrase that belongs to the status.
 *
 * Rules: one Buffer for one write; always `Connection: close`; the message is HTML-escaped, because it quotes
 * what the client sent; no Server and no Date, as in Gunicorn.
 *
 * Runs in: gateway.
 */

/** RFC 9110 section 15, plus 428 to 431 and 511 (RFC 6585), 507 (RFC 4918). */
const REASON_PHRASES = new Map<number, string>([
  [100, "Continue"],
  [101, "Switching Protocols"],
  [102, "Processing"],
  [103, "Early Hints"],
  [200, "OK"],
  [201, "Created"],
  [202, "Accepted"],
  [203, "Non-Authoritative Information"],
  [204, "No Content"],
  [205, "Reset Content"],
  [206, "Partial Content"],
  [207, "Multi-Status"],
  [208, "Already Reported"],
  [226, "IM Used"],
  [300, "Multiple Choices"],
  [301, "Moved Permanently"],
  [302, "Found"],
  [303, "See Other"],
  [304, "Not Modified"],
  [305, "Use Proxy"],
  [307, "Temporary Redirect"],
  [308, "Permanent Redirect"],
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [402, "Payment Required"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [406, "Not Acceptable"],
  [407, "Proxy Authentication Required"],
  [408, "Request Timeout"],
  [409, "Conflict"],
  [410, "Gone"],
  [411, "Length Required"],
  [412, "Precondition Failed"],
  [413, "Content Too Large"],
  [414, "URI Too Long"],
  [415, "Unsupported Media Type"],
  [416, "Range Not Satisfiable"],
  [417, "Expectation Failed"],
  [418, "I'm a teapot"],
  [421, "Misdirected Request"],
  [422, "Unprocessable Content"],
  [423, "Locked"],
  [424, "Failed Dependency"],
  [425, "Too Early"],
  [426, "Upgrade Required"],
  [428, "Precondition Required"],
  [429, "Too Many Requests"],
  [431, "Request Header Fields Too Large"],
  [451, "Unavailable For Legal Reasons"],
  [500, "Internal Server Error"],
  [501, "Not Implemented"],
  [502, "Bad Gateway"],
  [503, "Service Unavailable"],
  [504, "Gateway Timeout"],
  [505, "HTTP Version Not Supported"],
  [506, "Variant Also Negotiates"],
  [507, "Insufficient Storage"],
  [508, "Loop Detected"],
  [511, "Network Authentication Required"],
]);

/** The reason phrase of a status, or "Unknown". */
export function reasonPhrase(status: number): string {
  return REASON_PHRASES.get(status) ?? "Unknown";
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#x27;",
};

/** Python's html.escape(), whose spelling of the quotes is on the wire. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => HTML_ESCAPES[character] ?? character);
}

function page(reason: string, message: string): string {
  return [
    "<html>",
    "  <head>",
    `    <title>${reason}</title>`,
    "  </head>",
    "  <body>",
    `    <h1><p>${reason}</p></h1>`,
    `    ${escapeHtml(message)}`,
    "  </body>",
    "</html>",
    "",
  ].join("\n");
}

/**
 * The whole response. `message` is latin-1 text, and may be empty; `extraFields` are ready header lines
 * without CRLF, such as "Retry-After: 1".
 */
export function errorResponse(status: number, message: string, extraFields: readonly string[] = []): Buffer {
  const reason = reasonPhrase(status);
  const body = page(reason, message);
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    "Connection: close",
    "Content-Type: text/html",
    `Content-Length: ${body.length}`,
    ...extraFields,
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`, "latin1");
}
