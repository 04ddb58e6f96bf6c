-- What wrk sends; bench/load.ts says by the environment what differs between the cases.
local method = os.getenv("BENCH_METHOD") or "GET"
local body_bytes = tonumber(os.getenv("BENCH_BODY_BYTES") or "0")
local pipelined = tonumber(os.getenv("BENCH_PIPELINED") or "1")

wrk.method = method
if body_bytes > 0 then
  wrk.body = string.rep("x", body_bytes)
  wrk.headers["Content-Type"] = "application/octet-stream"
end
if os.getenv("BENCH_CLOSE") then wrk.headers["Connection"] = "close" end
if not os.getenv("BENCH_PLAIN") then
  -- What a browser sends with every request to a site it has visited before.
  wrk.headers["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
  wrk.headers["Accept-Encoding"] = "gzip, deflate, br, zstd"
  wrk.headers["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.8"
  wrk.headers["Cache-Control"] = "no-cache"
  wrk.headers["Cookie"] = "theme=dark; consent=yes; _id=1f0c9a7e5d3b"
  wrk.headers["Sec-Fetch-Dest"] = "document"
  wrk.headers["Sec-Fetch-Mode"] = "navigate"
  wrk.headers["Sec-Fetch-Site"] = "same-origin"
  wrk.headers["Upgrade-Insecure-Requests"] = "1"
  wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
end

if pipelined > 1 then
  local requests
  init = function()
    requests = string.rep(wrk.format(), pipelined)
  end
  request = function()
    return requests
  end
end
